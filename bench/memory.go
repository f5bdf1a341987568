package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

var memory = benchmark{
	name: "memory",
	words: fmt.Sprintf(`Memory of a machine's own, with %d MiB of guest memory: what one more machine costs the host. Counted from
/proc/PID/smaps of QEMU and its jail: of the snapshot's mapping the pages that this machine has changed (Anonymous:
its private copies), of everything else Pss (private pages, and its share of pages that several processes map, such
as libraries). The snapshot itself is in memory once for all machines of a kernel and has a row of its own.
waiting: 4 machines in a pool, preheated, paused. running: at the end of a run of the exec tracer with a workload.`, machine.Memory>>20),
	run: func(ctx context.Context, l *lab, t *table) error {
		for _, k := range l.kernels {
			if err := memoryOn(ctx, l, t, k); err != nil {
				return err
			}
		}
		return nil
	},
}

func memoryOn(ctx context.Context, l *lab, t *table, k *kernel.Kernel) error {
	pool, err := l.pool(ctx, k, machine.PoolOptions{Size: 4})
	if err != nil {
		return err
	}
	defer pool.Close()
	waiting := row{figure: "waiting machine, Linux " + k.Series, unit: "MB", target: "≤ 40 MB"}
	shared := row{figure: "the snapshot, once, Linux " + k.Series, unit: "MB"}
	var parts []footprint
	for _, m := range pool.Machines() {
		u, err := footprintOf(m.PID())
		if err != nil {
			return err
		}
		parts = append(parts, u)
		waiting.ours = append(waiting.ours, megabytes(u.own()))
	}
	if len(parts) > 0 {
		waiting.note = parts[0].String()
	}
	if blocks, err := snapshotBytes(l, k); err == nil {
		shared.ours = append(shared.ours, megabytes(blocks))
	}
	t.row(waiting)
	running := row{figure: "running machine, Linux " + k.Series, unit: "MB", target: "≤ 50 MB"}
	for range l.times(5) {
		u, err := l.footprintWhileRunning(ctx, pool, k)
		if err != nil {
			return err
		}
		running.ours = append(running.ours, megabytes(u.own()))
		running.note = u.String()
	}
	t.row(running)
	t.row(shared)
	return nil
}

// footprintWhileRunning runs the exec tracer and looks when its buffers are
// drained: nothing of it has been given back then.
func (l *lab) footprintWhileRunning(ctx context.Context, pool *machine.Pool, k *kernel.Kernel) (u footprint, err error) {
	path, err := l.fresh("execsnoop.bpf.c")
	if err != nil {
		return u, err
	}
	program, err := source.ReadFile(path)
	if err != nil {
		return u, err
	}
	request, err := l.request(program, k)
	if err != nil {
		return u, err
	}
	request.For = 200 * time.Millisecond
	var mu sync.Mutex
	var pid int
	get := machines(func(ctx context.Context, _ *kernel.Kernel) (*machine.Machine, error) {
		m, err := pool.Get(ctx)
		if err == nil {
			mu.Lock()
			pid = m.PID()
			mu.Unlock()
		}
		return m, err
	})
	end := l.runner(get).Run(ctx, request, func(e run.Event) {
		if stage, ok := e.Body.(run.Stage); ok && stage.Name == "drain" && stage.State == "end" {
			mu.Lock()
			defer mu.Unlock()
			u, err = footprintOf(pid)
		}
	})
	if end.State != run.Done {
		return u, fmt.Errorf("the run ended as %s: %s", end.State, end.Message)
	}
	return u, err
}

func snapshotBytes(l *lab, k *kernel.Kernel) (int64, error) {
	found, err := filepath.Glob(filepath.Join(l.shelf.Dir, k.Series+"-"+k.ID()[:12]+"-*", "ram"))
	if err != nil || len(found) == 0 {
		return 0, os.ErrNotExist
	}
	return allocated(found[0])
}
