package qemu

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(nestedVariable) != "" && os.Getpid() == 1 {
		nestedInit()
	}
	goleak.VerifyTestMain(m)
}

// kernels gives those of the named series.
func kernels(t *testing.T, series ...string) []*kernel.Kernel {
	t.Helper()
	store := kernel.Open(kernel.DefaultDir())
	var list []*kernel.Kernel
	_, err := libexec.Find(libexec.Guest)
	for _, s := range series {
		k, missing := store.Get(s)
		list, err = append(list, k), errors.Join(err, missing)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("%w: run make setup", err))
	}
	return list
}

func newEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
