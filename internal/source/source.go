// Package source is a program as the user gave it: C or a compiled object.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Limits on what a user may give.
const (
	MaxC      = 1 << 20
	MaxObject = 8 << 20
)

// A Language says how a program is written.
type Language string

// Languages that a program can be in.
const (
	C      Language = "c"
	Object Language = "object" // compiled ELF
)

// A Program is what the user wrote.
type Program struct {
	Name     string // file name without folders, for messages
	Language Language
	Text     []byte
}

// ErrSource is wrapped by every error about what the user gave; its text is
// for the user.
var ErrSource = errors.New("cannot use the program")

// elfMagic begins every ELF file.
var elfMagic = []byte("\x7fELF")

// ReadFile reads a program from a file, or from standard input if path is "-".
func ReadFile(path string) (Program, error) {
	if path == "-" {
		return Read("stdin.bpf.c", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return Program{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return Program{}, fmt.Errorf("%w: %s is a folder", ErrSource, path)
	}
	return Read(filepath.Base(path), file)
}

// Read reads a program to its end, or to where it is larger than it may be.
func Read(name string, r io.Reader) (Program, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxObject+1))
	if err != nil {
		return Program{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return New(name, text)
}

// New takes a program's bytes and tells its language by its first bytes.
func New(name string, text []byte) (Program, error) {
	p := Program{Name: name, Language: C, Text: text}
	if bytes.HasPrefix(text, elfMagic) {
		p.Language = Object
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return Program{}, fmt.Errorf("%w: %s is empty", ErrSource, name)
	case p.Language == Object && len(text) > MaxObject:
		return Program{}, fmt.Errorf("%w: %s is larger than %d MiB, the most that an object may have", ErrSource, name, MaxObject>>20)
	case p.Language == C && len(text) > MaxC:
		return Program{}, fmt.Errorf("%w: %s is larger than %d MiB, the most that a source may have", ErrSource, name, MaxC>>20)
	case p.Language == C && !isText(text):
		return Program{}, fmt.Errorf("%w: %s is neither C source nor an ELF object: %s", ErrSource, name, describe(text))
	}
	return p, nil
}

func isText(text []byte) bool {
	return bytes.IndexByte(text, 0) < 0 && utf8.Valid(text)
}

// describe says what bytes that are no program look like.
func describe(text []byte) string {
	for _, known := range []struct{ prefix, what string }{
		{"BC\xc0\xde", "it looks like LLVM bitcode; compile it to an object with -c"},
		{"!<arch>", "it looks like a static library; give one of its members"},
		{"\x1f\x8b", "it looks like a gzip archive"},
		{"PK\x03\x04", "it looks like a zip archive"},
		{"\xff\xfe", "it looks like UTF-16 text; save it as UTF-8"},
		{"\xfe\xff", "it looks like UTF-16 text; save it as UTF-8"},
	} {
		if strings.HasPrefix(string(text), known.prefix) {
			return known.what
		}
	}
	if at := bytes.IndexByte(text, 0); at >= 0 {
		return fmt.Sprintf("it has a zero byte at offset %d", at)
	}
	line := 1 + bytes.Count(text[:invalidUTF8(text)], []byte("\n"))
	return fmt.Sprintf("line %d is not UTF-8 text", line)
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}
