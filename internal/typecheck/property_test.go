package typecheck

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gaveUp is what the checker says if a pass ended in a way that it did not mean: in a bug, most likely.
const gaveUp = "the checker gives up here"

func noCrash(t testing.TB, c *Checker, source []byte, o Options) {
	t.Helper()
	r, err := c.Check(context.Background(), source, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	for _, d := range r.Diagnostics {
		if strings.Contains(d.Message, gaveUp) {
			t.Fatalf("%d:%d: %s\n%s", d.Line, d.Column, d.Message, source)
		}
		if d.Line < 1 || d.Column < 1 || d.EndColumn < d.Column || d.Message == "" {
			t.Fatalf("bad diagnostic %+v\n%s", d, source)
		}
	}
}

var token = regexp.MustCompile(`[A-Za-z_0-9]+|"[^"\n]*"|[^\sA-Za-z_0-9]`)

// TestTokensRemoved takes each token out of each good program, one at a time.
func TestTokensRemoved(t *testing.T) {
	paths, err := filepath.Glob("../../checker/corpus/good/*.bpf.c")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there is no corpus: %v", err)
	}
	c := testChecker(t, false)
	checks := 0
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range token.FindAllIndex(source, -1) {
			without := append(append([]byte(nil), source[:at[0]]...), source[at[1]:]...)
			noCrash(t, c, without, Options{Types: checks%8 == 0})
			checks++
		}
	}
	t.Logf("%d programs", checks)
}

// FuzzCheck feeds anything; seeds are the corpus.
func FuzzCheck(f *testing.F) {
	paths, _ := filepath.Glob("../../checker/corpus/*/*.bpf.c")
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	c := testChecker(f, false)
	f.Fuzz(func(t *testing.T, source []byte) {
		noCrash(t, c, source, Options{Types: len(source)%2 == 0})
		if r := check(t, c, goodSource, Options{}); len(r.Diagnostics) > 0 {
			t.Fatalf("afterwards a good source has %+v", r.Diagnostics)
		}
	})
}
