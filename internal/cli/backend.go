package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/run"
)

// backend is what runs need: the compiler, the engine, and the snapshots. It
// implements run.Machines with a fresh clone for every run.
type backend struct {
	compiler *compile.Compiler
	engine   *qemu.Engine
	shelf    *machine.Shelf

	mu        sync.Mutex
	snapshots map[string]*machine.Snapshot
}

// newBackend finds the tools. note hears of work that takes seconds.
func newBackend(note func(string)) (*backend, error) {
	compiler, err := newCompiler()
	if err != nil {
		return nil, err
	}
	engine, err := qemu.New(qemu.Options{KVM: qemu.KVMWorks(cacheDir())})
	if err != nil {
		return nil, err
	}
	b := &backend{compiler: compiler, engine: engine, snapshots: make(map[string]*machine.Snapshot)}
	b.shelf = &machine.Shelf{
		Dir:     filepath.Join(cacheDir(), "snapshots"),
		Engine:  engine,
		Preheat: run.Preheat{Compiler: compiler},
		Note:    note,
	}
	return b, nil
}

func cacheDir() string { return filepath.Dir(kernel.DefaultDir()) }

// newCompiler prefers our own compile program and falls back to clang.
func newCompiler() (*compile.Compiler, error) {
	program, err := libexec.Find(libexec.Compiler)
	if err != nil {
		program = ""
	}
	return compile.New(compile.Options{CacheDir: filepath.Join(cacheDir(), "compile"), Program: program})
}

// snapshot loads, or makes, a kernel's snapshot once.
func (b *backend) snapshot(ctx context.Context, k *kernel.Kernel) (*machine.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.snapshots[k.ID()]; s != nil {
		return s, nil
	}
	s, err := b.shelf.Snapshot(ctx, k)
	if err != nil {
		return nil, err
	}
	b.snapshots[k.ID()] = s
	return s, nil
}

// Get implements run.Machines.
func (b *backend) Get(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error) {
	s, err := b.snapshot(ctx, k)
	if err != nil {
		return nil, err
	}
	return machine.Restore(ctx, b.engine, s)
}

// Close ends the compilers and gives the snapshots' memory back.
func (b *backend) Close() error {
	errs := []error{b.compiler.Close()}
	for _, s := range b.snapshots {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// selectKernels resolves what --kernel says.
func selectKernels(text string) ([]*kernel.Kernel, error) {
	if strings.ContainsRune(text, '/') {
		k, err := openKernels().Get(text)
		if err != nil {
			return nil, usageError("%v", err)
		}
		return []*kernel.Kernel{k}, nil
	}
	if err := anyKernel(); err != nil {
		return nil, err
	}
	return openKernels().Select(text)
}

// anyKernel fails if no kernel has been fetched yet.
func anyKernel() error {
	kernels, err := openKernels().List()
	if err == nil && len(kernels) == 0 {
		return fmt.Errorf("%w: none has been fetched yet: run 'skep kernel pull'", kernel.ErrNotFound)
	}
	return err
}
