package main

import (
	"context"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
)

var restored = benchmark{
	name: "restored",
	words: `From an object on disk to its first decoded event without a pool: the exec tracer, and /bin/true.
ours:  start QEMU, restore the snapshot, load, attach, workload, event.
other: the same with a cold boot of the same kernel in the same QEMU, accelerator and initramfs.`,
	run: func(ctx context.Context, l *lab, t *table) error {
		for _, k := range l.kernels {
			if err := restoredOn(ctx, l, t, k); err != nil {
				return err
			}
		}
		return nil
	},
}

func restoredOn(ctx context.Context, l *lab, t *table, k *kernel.Kernel) error {
	p, err := l.plainCompiler(k)
	if err != nil {
		return err
	}
	path, err := l.fresh("execsnoop.bpf.c")
	if err != nil {
		return err
	}
	object, err := p.compile(ctx, path)
	if err != nil {
		return err
	}
	r := row{figure: "object to event, Linux " + k.Series, unit: "ms", target: "≥ 8x"}
	err = l.shelf.WithImage(k, func(image machine.Image) error {
		for range l.times(5) {
			took, err := l.untilEvent(ctx, l.runner(l.restore), object, k, time.Now())
			if err != nil {
				return err
			}
			r.ours.add(took)
			if took, err = l.untilEvent(ctx, l.runner(l.cold(image)), object, k, time.Now()); err != nil {
				return err
			}
			r.other.add(took)
		}
		return nil
	})
	t.row(r)
	return err
}
