package typecheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
)

// testSeries is the kernel whose types tests use.
const testSeries = "7"

var engineForTests = sync.OnceValues(func() (*Engine, error) {
	path, err := libexec.Find(libexec.Checker)
	if err != nil {
		return nil, err
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return New(context.Background(), module, "")
})

func testEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := engineForTests()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testKernel(t testing.TB) *kernel.Kernel {
	t.Helper()
	k, err := kernel.Open(kernel.DefaultDir()).Get(testSeries)
	if err != nil {
		t.Fatalf("%v: run 'make setup'", err)
	}
	return k
}

var checkersForTests sync.Map // whole bool → func() (*Checker, error)

// testChecker has the test kernel's headers.
func testChecker(t testing.TB, whole bool) *Checker {
	t.Helper()
	e, k := testEngine(t), testKernel(t)
	make, _ := checkersForTests.LoadOrStore(whole, sync.OnceValues(func() (*Checker, error) {
		spec, err := k.BTFSpec()
		if err != nil {
			return nil, err
		}
		headers, err := KernelHeaders(spec, whole)
		if err != nil {
			return nil, err
		}
		return e.WithHeaders(context.Background(), headers)
	}))
	c, err := make.(func() (*Checker, error))()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func check(t testing.TB, c *Checker, source string, o Options) *Result {
	t.Helper()
	r, err := c.Check(context.Background(), []byte(source), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Good programs of this repository, which clang compiles without an error.
var goodPrograms = []string{
	"../../examples/*.bpf.c", "../guest/testdata/*.bpf.c", "../run/preheat/*.bpf.c", "../../bench/testdata/*.bpf.c",
}

func TestGoodPrograms(t *testing.T) {
	for _, whole := range []bool{false, true} {
		c := testChecker(t, whole)
		n := 0
		for _, pattern := range goodPrograms {
			paths, err := filepath.Glob(pattern)
			if err != nil || len(paths) == 0 {
				t.Fatalf("no programs in %s: %v", pattern, err)
			}
			for _, path := range paths {
				n++
				source, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				r, err := c.Check(context.Background(), source, Options{Files: IncludedFiles(source, filepath.Dir(path)), Types: true})
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				for _, d := range r.Diagnostics {
					t.Errorf("%s:%d:%d: %s: %s", path, d.Line, d.Column, d.Severity, d.Message)
				}
			}
		}
		t.Logf("whole header %v: %d programs", whole, n)
	}
}

func ExampleResult() {
	fmt.Println(tooLarge(1<<20 + 1).Diagnostics[0].Message)
	// Output: the source has 1048577 bytes; at most 1048576 are checked
}
