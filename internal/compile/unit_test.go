package compile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScan(t *testing.T) {
	tests := []struct {
		name, source string
		want         scan
	}{
		{"nothing", "", scan{}},
		{"plain", "#include \"vmlinux.h\"\n # include <bpf/bpf_helpers.h>\n", scan{vmlinux: true, helpers: true}},
		{"comment", "// #include \"vmlinux.h\"\n/* struct rare */ char *s = \"struct rare_one\";\n", scan{}},
		{"condition", "#if X\n#include \"vmlinux.h\"\n#endif\n", scan{vmlinux: true, textual: true}},
		{"after a condition", "#if X\n#endif\n#include \"vmlinux.h\"\n", scan{vmlinux: true}},
		{"helpers after a macro", "#include \"vmlinux.h\"\n#define NULL 1\n#include <bpf/bpf_helpers.h>\n", scan{vmlinux: true}},
		{"no CO-RE", "#define BPF_NO_PRESERVE_ACCESS_INDEX 1\n#include \"vmlinux.h\"\n", scan{vmlinux: true, textual: true}},
		{"show", "int f(int x) { SHOW(x); }\n", scan{shows: true}},
		{
			"names", "struct a_b *x; union c { struct d y; } z; enum e f_g = MAX; h_i j; struct a_b w;\n",
			scan{names: []string{"struct a_b", "struct d", "enum e", "f_g", "h_i"}},
		},
		{"own names", "struct mine { int x; };\nstruct mine m;\n#define A_LOT 3\nint n = A_LOT;\n", scan{}},
		{"broken", "#include \n#include <\n'\\", scan{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := scanSource([]byte(test.source))
			names := slices.DeleteFunc(slices.Clone(got.names), func(n string) bool { return headerMacros[n] })
			got.names = nil
			if len(names) > 0 && test.want.names != nil {
				got.names = names
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(scan{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNameList(t *testing.T) {
	list := nameList("enum b\nstruct a\nstruct ab\nx\n")
	for name, want := range map[string]bool{
		"enum b": true, "struct a": true, "struct ab": true, "x": true,
		"": false, "a": false, "struct": false, "struct aa": false, "y": false, "struct a\nstruct ab": false,
	} {
		if list.has(name) != want {
			t.Errorf("has(%q) is not %v", name, want)
		}
	}
	if nameList(nil).has("x") {
		t.Error("an empty list has something")
	}
}

func TestParseDiagnostics(t *testing.T) {
	const source = "int x = 1 +\nfoo_bar(y);\n"
	tests := []struct {
		name, text string
		want       []Diagnostic
	}{
		{"token", "a.c:2:1: error: boom\n", []Diagnostic{{File: "a.c", Range: Range{2, 1, 2, 8}, Severity: Error, Message: "boom"}}},
		{"range at the caret", "a.c:1:5:{1:5-2:3}{1:1-1:4}: warning: w [-Wfoo]\n", []Diagnostic{{
			File: "a.c", Range: Range{1, 5, 2, 3}, Ranges: []Range{{1, 1, 1, 4}}, Severity: Warning, Message: "w", Option: "foo",
		}}},
		{"note and fix", "a.c:1:1: error: e\nfix-it:\"a.c\":{1:1-1:4}:\"a\\tb\\\"\\303\\251\"\n/kernel/vmlinux.h:3:4: note: n\n", []Diagnostic{{
			File: "a.c", Range: Range{1, 1, 1, 4}, Severity: Error, Message: "e", Fixes: []Fix{{Range{1, 1, 1, 4}, "a\tb\"é"}},
			Notes: []Diagnostic{{File: "vmlinux.h", Range: Range{3, 4, 3, 5}, Severity: Note, Message: "n"}},
		}}},
		{"excerpt", "    1 | x:1:2: error: not one\n      | ^\n", nil},
		{
			"no place", "fatal error: too many errors emitted, stopping now [-ferror-limit=]\n",
			[]Diagnostic{{File: "a.c", Severity: Error, Message: "too many errors emitted, stopping now [-ferror-limit=]"}},
		},
		{"header", "/include/bpf/bpf_helpers.h:7:8: error: e\n", []Diagnostic{{File: "bpf/bpf_helpers.h", Range: Range{7, 8, 7, 9}, Severity: Error, Message: "e"}}},
		{"counts", "1 error generated.\nIn file included from a.c:1:\n", nil},
		{"absurd numbers", "a.c:99999999999999999999:1: error: e\n", []Diagnostic{{File: "a.c", Range: Range{0, 1, 0, 2}, Severity: Error, Message: "e"}}},
		{
			"assertion of skep.h", "a.c:1:1: error: static assertion failed due to requirement 'x != 0': SHOW(f()): no\n",
			[]Diagnostic{{File: "a.c", Range: Range{1, 1, 1, 4}, Severity: Error, Message: "SHOW(f()): no"}},
		},
		{
			"assertion of the user's", "a.c:1:1: error: static assertion failed: no\n",
			[]Diagnostic{{File: "a.c", Range: Range{1, 1, 1, 4}, Severity: Error, Message: "static assertion failed: no"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseDiagnostics([]byte(test.text), []byte(source), "a.c")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzParseDiagnostics: a program can make the compiler print what it likes (#error, #pragma message, #line).
func FuzzParseDiagnostics(f *testing.F) {
	f.Add([]byte("a.c:1:5:{1:5-2:3}: warning: w [-Wfoo]\nfix-it:\"a.c\":{1:1-1:4}:\"\\303\"\n<inline asm>:1:1: error: 'x'\n"), []byte("int x;\n"))
	f.Add([]byte("note: n\nerror: static assertion failed: SHOW(): \n"), []byte(""))
	f.Fuzz(func(t *testing.T, text, source []byte) {
		for _, d := range parseDiagnostics(text, source, "a.c") {
			if d.File == "" || d.Line < 0 || d.EndLine < d.Line && len(d.Ranges) == 0 && d.EndColumn < 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("#include \"vmlinux.h\"\nstruct a { int x; };"))
	f.Add([]byte("/* 'x\\' \" */ enum"))
	f.Fuzz(func(_ *testing.T, source []byte) { scanSource(source) })
}

func TestObjectCache(t *testing.T) {
	cache := &objectCache{dir: t.TempDir(), limit: 3000}
	key := func(s string) string { return contentKey(s) }
	want := &Result{Object: []byte("object\nwith lines"), Header: headerTrimmed, Diagnostics: []Diagnostic{{Message: "w"}}}
	cache.store(key("a"), want)
	got := cache.load(key("a"))
	if got == nil || !got.Cached || string(got.Object) != string(want.Object) || cmp.Diff(want.Diagnostics, got.Diagnostics) != "" {
		t.Fatalf("%+v", got)
	}
	if cache.load(key("b")) != nil {
		t.Error("what was never stored is there")
	}

	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"changed": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"noise":   func([]byte) []byte { return []byte("noise\nnoise") },
	} {
		cache.store(key(name), want)
		data, err := os.ReadFile(cache.path(key(name)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cache.path(key(name)), damage(data), 0o644); err != nil {
			t.Fatal(err)
		}
		if cache.load(key(name)) != nil {
			t.Errorf("%s: was loaded", name)
		}
	}
}

func TestObjectCacheEvictsTheLeastRecentlyUsed(t *testing.T) {
	cache := &objectCache{dir: t.TempDir(), limit: 4000}
	r := &Result{Object: []byte(strings.Repeat("x", 900))}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		cache.store(contentKey(name), r)
		used := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(cache.path(contentKey(name)), used, used); err != nil {
			t.Fatal(err)
		}
	}
	cache.load(contentKey("a")) // used now
	cache.evict()
	var left []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if _, err := os.Stat(cache.path(contentKey(name))); err == nil {
			left = append(left, name)
		}
	}
	if diff := cmp.Diff([]string{"a", "d", "e"}, left); diff != "" {
		t.Error(diff)
	}
}

func TestHeadersNeedLibbpf(t *testing.T) {
	if _, err := openHeaders(t.TempDir(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "libbpf-dev") {
		t.Error(err)
	}
}

func TestNoCompiler(t *testing.T) {
	if _, err := openProgram(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("opened a compiler that is not there")
	}
}
