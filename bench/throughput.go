package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

var throughput = benchmark{
	name: "throughput",
	words: `Whole runs, one after the other, by 1, 2, 4 and 8 clients at once, on the newest kernel: source (which no cache
knows) to the end of the run, machine killed. Machines come from one pool, which has to make as many as are used:
that work is in the figures. Latency is what one client waits for one run, for a machine included. Processor time is
that of this process, its compilers and the run's machine; preparing it is part of that.
other: the same clients with a machine restored for each run, no pool, no preheating.`,
	run: func(ctx context.Context, l *lab, t *table) error {
		for _, clients := range []int{1, 2, 4, 8} {
			if err := throughputOf(ctx, l, t, clients); err != nil {
				return err
			}
		}
		return nil
	},
}

func throughputOf(ctx context.Context, l *lab, t *table, clients int) error {
	rate := row{figure: fmt.Sprintf("%d clients: runs per second", clients), unit: "1/s", target: "≥ 7 from the pool"}
	latency := row{figure: fmt.Sprintf("%d clients: latency of a run", clients), unit: "ms"}
	processor := row{figure: fmt.Sprintf("%d clients: processor time of a run", clients), unit: "ms"}
	duration := 6 * time.Second
	if l.quick {
		duration = 2 * time.Second
	}
	for range l.times(3) {
		pool, err := l.pool(ctx, l.latest(), machine.PoolOptions{
			Size: 4, Workers: runtime.NumCPU(), Running: runtime.NumCPU(),
		})
		if err != nil {
			return err
		}
		perSecond, each, cost, err := l.load(ctx, fromPool(pool), clients, duration)
		_ = pool.Close()
		if err != nil {
			return err
		}
		rate.ours = append(rate.ours, perSecond)
		latency.ours = append(latency.ours, each...)
		processor.ours.add(cost)
		if perSecond, each, cost, err = l.load(ctx, l.restore, clients, duration); err != nil {
			return err
		}
		rate.other = append(rate.other, perSecond)
		latency.other = append(latency.other, each...)
		processor.other.add(cost)
	}
	latency.note = fmt.Sprintf("p95: ours %s, other %s", number(latency.ours.quantile(0.95)), number(latency.other.quantile(0.95)))
	t.row(rate)
	t.row(latency)
	t.row(processor)
	return nil
}

// load lets clients run programs for a while. What a full pool gives in
// advance is left out: measuring begins when it has handed out its first
// machines. cost is the processor time of one run, by all runs.
func (l *lab) load(ctx context.Context, get machines, clients int, duration time.Duration) (perSecond float64, each sample, cost time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	settled := time.Now().Add(duration / 4)
	stop := settled.Add(duration)
	done, all := 0, 0
	before := processorTime()
	var machines time.Duration
	for range clients {
		wg.Go(func() {
			for time.Now().Before(stop) {
				took, used, err := l.oneRun(ctx, get)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				all++
				machines += used
				if now := time.Now(); now.After(settled) && now.Before(stop) {
					done++
					each.add(took)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	cost = (processorTime() - before + machines) / time.Duration(max(all, 1))
	return float64(done) / duration.Seconds(), each, cost, context.Cause(ctx)
}

// processorTimeOf is what a process and all that descend from it have used
// (/proc/PID/task/TID/schedstat: nanoseconds on a processor come first).
func processorTimeOf(pid int) (sum time.Duration) {
	pids, err := descendants(pid)
	if err != nil {
		return 0
	}
	for _, p := range pids {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		for _, path := range paths {
			text, _ := os.ReadFile(path)
			first, _, _ := strings.Cut(string(text), " ")
			if n, err := strconv.ParseInt(first, 10, 64); err == nil {
				sum += time.Duration(n)
			}
		}
	}
	return sum
}

// processorTime is what this process has used, and the children that it has
// waited for: not machines, which are killed together with who would wait.
func processorTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
	}
	return sum
}

// oneRun tells how long a run took, and the processor time of its machine.
func (l *lab) oneRun(ctx context.Context, get machines) (took, used time.Duration, err error) {
	name := "execsnoop.bpf.c"
	text, err := exampleText(name)
	if err != nil {
		return 0, 0, err
	}
	text = fmt.Appendf(text, "\n/* variant %d of %d */\n", l.variant.Add(1), time.Now().UnixNano())
	request, err := l.request(source.Program{Name: name, Language: source.C, Text: text}, l.latest())
	if err != nil {
		return 0, 0, err
	}
	var pid atomic.Int64
	noted := func(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error) {
		m, err := get(ctx, k)
		if err == nil {
			pid.Store(int64(m.PID()))
		}
		return m, err
	}
	begin := time.Now()
	events := 0
	end := l.runner(noted).Run(ctx, request, func(e run.Event) {
		switch body := e.Body.(type) {
		case run.Record:
			events++
		case run.Stage:
			if body.Name == "drain" && body.State == "end" {
				used = processorTimeOf(int(pid.Load()))
			}
		}
	})
	took = time.Since(begin)
	if end.State != run.Done || events == 0 {
		return 0, 0, fmt.Errorf("%w: %s: %s", errNoEvent, end.State, end.Message)
	}
	return took, used, nil
}
