package source

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNew(t *testing.T) {
	tests := []struct {
		name, text string
		language   Language
		err        string // part of it; empty: none
	}{
		{"c", "int main(void);\n", C, ""},
		{"umlauts", "/* grün */", C, ""},
		{"object", "\x7fELF and so on", Object, ""},
		{"empty", "", "", "is empty"},
		{"white", " \n\t\r\n", "", "is empty"},
		{"zero", "int\x00", "", "zero byte at offset 3"},
		{"latin", "int a;\n// gr\xfcn\n", "", "line 2 is not UTF-8 text"},
		{"bitcode", "BC\xc0\xde", "", "LLVM bitcode"},
		{"gzip", "\x1f\x8b\x08", "", "gzip"},
		{"zip", "PK\x03\x04\x00", "", "zip"},
		{"utf16", "\xff\xfei\x00", "", "UTF-16"},
		{"library", "!<arch>\n\x00", "", "static library"},
		{"large C", strings.Repeat("x", MaxC+1), "", "larger than 1 MiB"},
		{"largest C", strings.Repeat("x", MaxC), C, ""},
		{"large object", "\x7fELF" + strings.Repeat("x", MaxObject), "", "larger than 8 MiB"},
		{"large C-sized object", "\x7fELF" + strings.Repeat("x", MaxC), Object, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := New("p.bpf.c", []byte(test.text))
			switch {
			case test.err == "" && err != nil:
				t.Fatal(err)
			case test.err == "" && (p.Language != test.language || string(p.Text) != test.text || p.Name != "p.bpf.c"):
				t.Fatalf("got %q of %q", p.Name, p.Language)
			case test.err != "" && (!errors.Is(err, ErrSource) || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("error %v, want %q", err, test.err)
			}
		})
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.bpf.c")
	if err := os.WriteFile(path, []byte("int a;"), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := ReadFile(path)
	if err != nil || p.Name != "a.bpf.c" || p.Language != C {
		t.Errorf("%+v, %v", p, err)
	}
	for path, want := range map[string]string{
		dir:                         "is a folder",
		filepath.Join(dir, "b.c"):   "no such file",
		filepath.Join(path, "b.c"):  "not a directory",
		filepath.Join(dir, "a\x00"): "invalid argument",
	} {
		if _, err := ReadFile(path); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// What has no end is read only as far as it matters.
func TestReadIsBounded(t *testing.T) {
	endless := &counter{}
	if _, err := Read("endless", endless); !errors.Is(err, ErrSource) {
		t.Error(err)
	}
	if endless.read > MaxObject+1<<20 {
		t.Errorf("%d bytes were read", endless.read)
	}
}

type counter struct{ read int }

func (c *counter) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte("x"), len(p)))
	c.read += len(p)
	return len(p), nil
}

func FuzzNew(f *testing.F) {
	for _, seed := range []string{"", "int a;", "\x7fELF", "\xff\xfe", "a\x00b", "\xed\xa0\x80", "!<arch>\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := New("fuzz", text)
		switch {
		case err != nil:
			if !errors.Is(err, ErrSource) || !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Fatalf("error %q", err)
			}
		case p.Language == C && (len(text) > MaxC || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0):
			t.Fatal("this is no C")
		case p.Language == Object && !bytes.HasPrefix(text, elfMagic):
			t.Fatal("this is no object")
		}
	})
}
