package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/source"
)

// A lab holds what all benchmarks use: the same parts as the skep command.
type lab struct {
	quick    bool
	cache    string // lasts from one bench to the next
	work     string // a temporary folder
	compiler *compile.Compiler
	engine   *qemu.Engine
	shelf    *machine.Shelf
	kernels  []*kernel.Kernel

	snapshots map[string]*machine.Snapshot
	variant   atomic.Int64
}

// newLab opens compiler, engine and kernels and makes the snapshots.
func newLab(ctx context.Context, quick bool) (_ *lab, err error) {
	l := &lab{quick: quick, snapshots: make(map[string]*machine.Snapshot)}
	if l.work, err = os.MkdirTemp("", "skep-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	cache := filepath.Dir(kernel.DefaultDir())
	l.cache = filepath.Join(cache, "bench")
	if l.compiler, err = newCompiler(); err != nil {
		return nil, err
	}
	if l.engine, err = qemu.New(qemu.Options{KVM: qemu.KVMWorks(cache)}); err != nil {
		return nil, err
	}
	l.shelf = &machine.Shelf{
		Dir: filepath.Join(l.cache, "snapshots"), Engine: l.engine, Preheat: run.Preheat{Compiler: l.compiler},
		Note: func(text string) { fmt.Fprintln(os.Stderr, text) },
	}
	store := kernel.Open(kernel.DefaultDir())
	for _, series := range kernel.DefaultSeries {
		k, err := store.Get(series)
		if err != nil {
			return nil, err
		}
		l.kernels = append(l.kernels, k)
		if l.snapshots[k.ID()], err = l.shelf.Snapshot(ctx, k); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func newCompiler() (*compile.Compiler, error) {
	program, err := libexec.Find(libexec.Compiler)
	if err != nil {
		return nil, err
	}
	return compile.New(compile.Options{CacheDir: filepath.Join(filepath.Dir(kernel.DefaultDir()), "compile"), Program: program})
}

// waitingCompiler is one of which n wait for sources.
func waitingCompiler(ctx context.Context, k *kernel.Kernel, n int) (*compile.Compiler, error) {
	c, err := newCompiler()
	if err != nil {
		return nil, err
	}
	if err := c.Keep(ctx, compile.Kernel{ID: k.ID(), BTF: k.BTFSpec}, n); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (l *lab) close() {
	if l.compiler != nil {
		_ = l.compiler.Close()
	}
	for _, s := range l.snapshots {
		if s != nil {
			_ = s.Close()
		}
	}
	_ = os.RemoveAll(l.work)
}

// latest is the newest kernel.
func (l *lab) latest() *kernel.Kernel { return l.kernels[len(l.kernels)-1] }

// times chooses how often something is measured.
func (l *lab) times(n int) int {
	if l.quick {
		return max(n/3, 2)
	}
	return n
}

// runner runs programs with machines that get hands out.
func (l *lab) runner(get machines) *run.Runner {
	return &run.Runner{Compiler: l.compiler, Machines: get}
}

// machines implements run.Machines by a function.
type machines func(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error)

// Get implements run.Machines.
func (f machines) Get(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error) {
	return f(ctx, k)
}

// restore hands out clones of the snapshot that nothing has been done with.
func (l *lab) restore(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error) {
	return machine.Restore(ctx, l.engine, l.snapshots[k.ID()])
}

// cold boots a machine for each run. The initramfs is made before, as a
// person would have it lying about.
func (l *lab) cold(image machine.Image) machines {
	return func(ctx context.Context, _ *kernel.Kernel) (*machine.Machine, error) {
		m, _, err := machine.Boot(ctx, l.engine, image)
		return m, err
	}
}

// preheat are the runs that warm a pool's machines.
func (l *lab) preheat(ctx context.Context, k *kernel.Kernel) ([]machine.Preheat, error) {
	return run.Preheat{Compiler: l.compiler}.ForClones(ctx, k)
}

// pool fills a pool of machines for a kernel.
func (l *lab) pool(ctx context.Context, k *kernel.Kernel, o machine.PoolOptions) (*machine.Pool, error) {
	preheat, err := l.preheat(ctx, k)
	if err != nil {
		return nil, err
	}
	o.Engine, o.Snapshot, o.Preheat = l.engine, l.snapshots[k.ID()], preheat
	p := machine.NewPool(o)
	if err := p.Ready(ctx); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

func fromPool(p *machine.Pool) machines {
	return func(ctx context.Context, _ *kernel.Kernel) (*machine.Machine, error) { return p.Get(ctx) }
}

// fresh writes an example so that no cache knows it: with one more comment.
func (l *lab) fresh(name string) (path string, err error) {
	text, err := exampleText(name)
	if err != nil {
		return "", err
	}
	path = filepath.Join(l.work, name)
	text = fmt.Appendf(text, "\n/* variant %d of %d */\n", l.variant.Add(1), time.Now().UnixNano())
	return path, os.WriteFile(path, text, 0o644)
}

// exampleText is the text of a file in examples or in bench/testdata.
func exampleText(name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join("examples", name))
	if errors.Is(err, os.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join("bench", "testdata", name))
	}
	if err != nil {
		return nil, fmt.Errorf("%w (benchmarks run in the root of the checkout)", err)
	}
	return text, nil
}

// oneProcess is the scene of all benchmarks: a program is started. It is
// enough to bring forth an event of the exec tracer.
const oneProcess = "steps:\n  - run: [/bin/true]\n"

func (l *lab) request(program source.Program, k *kernel.Kernel) (run.Request, error) {
	workload, err := scene.Parse([]byte(oneProcess))
	if err != nil {
		return run.Request{}, err
	}
	plan, _, err := scene.Draw(workload, nil)
	return run.Request{Program: program, Kernel: k, Scene: plan}, err
}

// errNoEvent says that a run ended otherwise than expected.
var errNoEvent = errors.New("the run brought forth no event")

// untilEvent runs a program and tells when, since begin, its first event was
// there. The rest of the run is cut off. What came from C must be decoded:
// objects by llvm-strip no longer tell the types of records.
func (l *lab) untilEvent(ctx context.Context, r *run.Runner, path string, k *kernel.Kernel, begin time.Time) (time.Duration, error) {
	program, err := source.ReadFile(path)
	if err != nil {
		return 0, err
	}
	request, err := l.request(program, k)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var took time.Duration
	end := r.Run(ctx, request, func(e run.Event) {
		if record, ok := e.Body.(run.Record); ok && took == 0 && (record.Value != nil || program.Language == source.Object) {
			took = time.Since(begin)
			cancel()
		}
	})
	if took == 0 {
		return 0, fmt.Errorf("%w on Linux %s: %s: %s", errNoEvent, k.Series, end.State, end.Message)
	}
	return took, nil
}
