package typecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/skep-dev/skep/internal/compile"
)

// place is where an error is, and what it says; line 0: there is none. One in a header counts where the source
// includes it.
type place struct {
	line, column int
	message      string
}

func (p place) String() string {
	if p.line == 0 {
		return "-"
	}
	return fmt.Sprintf("%d:%d", p.line, p.column)
}

var (
	clangError   = regexp.MustCompile(`(?m)^([^:\n]+):(\d+):(\d+): (?:fatal )?error: (.*)$`)
	clangInclude = regexp.MustCompile(`In file included from ([^:\n]+):(\d+):`)
)

// clangSays gives clang's first error.
func clangSays(path, include string) (place, error) {
	cmd := exec.Command("clang-19", "-target", "bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86", "-fsyntax-only", "-fno-caret-diagnostics",
		"-I", include, path)
	var out bytes.Buffer
	cmd.Stderr = &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return place{}, fmt.Errorf("clang-19 is needed (run 'make setup'): %w", err)
	}
	m := clangError.FindStringSubmatchIndex(out.String())
	if m == nil {
		if err != nil {
			return place{}, fmt.Errorf("clang: %w: %s", err, &out)
		}
		return place{}, nil
	}
	text := out.String()
	p := place{number10(text[m[4]:m[5]]), number10(text[m[6]:m[7]]), text[m[8]:m[9]]}
	if text[m[2]:m[3]] != path {
		for _, i := range clangInclude.FindAllStringSubmatch(text[:m[0]], -1) {
			if i[1] == path {
				p.line, p.column = number10(i[2]), 1
			}
		}
	}
	return p, nil
}

func number10(digits string) int {
	n, _ := strconv.Atoi(digits) // matched by \d+
	return n
}

func checkerSays(c *Checker, path string) (place, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return place{}, err
	}
	r, err := c.Check(context.Background(), source, Options{Files: IncludedFiles(source, filepath.Dir(path))})
	if err != nil {
		return place{}, err
	}
	for _, d := range r.Diagnostics {
		if d.Severity == Error {
			return place{d.Line, d.Column, d.Message}, nil
		}
	}
	return place{}, nil
}

// includeFolder has what programs include, for clang.
func includeFolder(t *testing.T) string {
	t.Helper()
	spec, err := testKernel(t).BTFSpec()
	if err != nil {
		t.Fatal(err)
	}
	files, err := compile.SharedHeaders("")
	if err != nil {
		t.Fatal(err)
	}
	if files["vmlinux.h"], err = compile.VMLinux(spec, false); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// verdict is a program of the corpus as both see it.
type verdict struct {
	path           string
	clang, checker place
	err            error
}

func judge(t *testing.T, c *Checker, paths []string) []verdict {
	t.Helper()
	include := includeFolder(t)
	verdicts := make([]verdict, len(paths))
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, path := range paths {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			v := verdict{path: path}
			v.clang, v.err = clangSays(path, include)
			if v.err == nil {
				v.checker, v.err = checkerSays(c, path)
			}
			verdicts[i] = v
		})
	}
	wait.Wait()
	return verdicts
}

// TestCorpus prints what clang and the checker say of every program, and fails where they are not of one mind: an
// alarm about a good program, a miss, or a first error on another line.
func TestCorpus(t *testing.T) {
	paths, err := filepath.Glob("../../checker/corpus/*/*.bpf.c")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there is no corpus: %v", err)
	}
	slices.Sort(paths)
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROGRAM\tCLANG\tCHECKER\tCLANG SAYS\tCHECKER SAYS")
	good, bad, lines, columns := 0, 0, 0, 0
	for _, v := range judge(t, testChecker(t, false), paths) {
		if v.err != nil {
			t.Fatalf("%s: %v", v.path, v.err)
		}
		name := strings.TrimPrefix(v.path, "../../checker/corpus/")
		if isGood := strings.HasPrefix(name, "good/"); isGood != (v.clang.line == 0) {
			t.Errorf("%s is in the wrong folder: clang says %q", name, v.clang.message)
		}
		if v.clang.line == 0 {
			good++
		} else {
			bad++
		}
		if v.clang.line == v.checker.line {
			lines++
			if v.clang.column == v.checker.column {
				columns++
			}
		} else {
			t.Errorf("%s: clang at %v: %s; checker at %v: %s", name, v.clang, v.clang.message, v.checker, v.checker.message)
		}
		fmt.Fprintf(table, "%s\t%v\t%v\t%s\t%s\n", name, v.clang, v.checker, v.clang.message, v.checker.message)
	}
	_ = table.Flush()
	t.Logf("\n%s\n%d good and %d bad programs; first error on the same line: %d of %d, in the same column: %d",
		&text, good, bad, lines, good+bad, columns)
}
