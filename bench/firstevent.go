package main

import (
	"context"
	"time"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/run"
)

var firstEvent = benchmark{
	name: "first-event",
	words: `From source on disk to the first decoded event: examples/execsnoop.bpf.c, and /bin/true as the workload.
ours:  read the file, compile it (a compiler that waits, header precompiled; the object cache does not know the
       text), a machine out of a full pool of 2 (restored, preheated with other programs, paused), load, attach,
       workload, event.
other: clang-19 -O2 -g with the whole vmlinux.h (made before), llvm-strip-19 -g, a cold boot of the same kernel in
       the same QEMU with the same accelerator and initramfs, load, attach, workload, event.`,
	run: func(ctx context.Context, l *lab, t *table) error {
		for _, k := range l.kernels {
			if err := firstEventOn(ctx, l, t, k); err != nil {
				return err
			}
		}
		return nil
	},
}

func firstEventOn(ctx context.Context, l *lab, t *table, k *kernel.Kernel) error {
	p, err := l.plainCompiler(k)
	if err != nil {
		return err
	}
	pool, err := l.pool(ctx, k, machine.PoolOptions{Size: 2})
	if err != nil {
		return err
	}
	defer pool.Close()
	compiler, err := waitingCompiler(ctx, k, 1)
	if err != nil {
		return err
	}
	defer compiler.Close()
	warm := &warm{pool, compiler}
	r := row{figure: "source to event, Linux " + k.Series, unit: "ms", target: "≥ 30x, < 60 ms"}
	err = l.shelf.WithImage(k, func(image machine.Image) error {
		for i := range l.times(5) + 1 {
			took, err := l.oursToEvent(ctx, warm, k)
			if err != nil {
				return err
			}
			if i == 0 { // it filled caches of this process
				continue
			}
			r.ours.add(took)
			if took, err = l.plainToEvent(ctx, p, image, k); err != nil {
				return err
			}
			r.other.add(took)
		}
		return nil
	})
	t.row(r)
	return err
}

// warm is all that waits for a program.
type warm struct {
	pool     *machine.Pool
	compiler *compile.Compiler
}

// ready waits until neither has anything more to do.
func (w *warm) ready(ctx context.Context) error {
	if err := w.compiler.Ready(ctx); err != nil {
		return err
	}
	return w.pool.Ready(ctx)
}

func (l *lab) oursToEvent(ctx context.Context, w *warm, k *kernel.Kernel) (time.Duration, error) {
	path, err := l.fresh("execsnoop.bpf.c")
	if err != nil {
		return 0, err
	}
	if err := w.ready(ctx); err != nil {
		return 0, err
	}
	begin := time.Now()
	took, err := l.untilEvent(ctx, &run.Runner{Compiler: w.compiler, Machines: fromPool(w.pool)}, path, k, begin)
	if err != nil {
		return 0, err
	}
	return took, w.ready(ctx) // so that the other side has the processors
}

func (l *lab) plainToEvent(ctx context.Context, p *plain, image machine.Image, k *kernel.Kernel) (time.Duration, error) {
	path, err := l.fresh("execsnoop.bpf.c")
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	object, err := p.compile(ctx, path)
	if err != nil {
		return 0, err
	}
	return l.untilEvent(ctx, l.runner(l.cold(image)), object, k, begin)
}
