package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

var throughput = benchmark{
	name: "throughput",
	words: `Whole runs, one after the other, by 1, 2, 4 and 8 clients at once, on the newest kernel: source (which no cache
knows) to the end of the run, machine killed. Machines come from one pool, which has to make as many as are used:
that work is in the figures. Latency is what one client waits for one run, for a machine included.
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
	duration := 4 * time.Second
	if l.quick {
		duration = 2 * time.Second
	}
	for range l.times(3) {
		pool, err := l.pool(ctx, l.latest(), machine.PoolOptions{Size: 4})
		if err != nil {
			return err
		}
		perSecond, each, err := l.load(ctx, fromPool(pool), clients, duration)
		_ = pool.Close()
		if err != nil {
			return err
		}
		rate.ours = append(rate.ours, perSecond)
		latency.ours = append(latency.ours, each...)
		if perSecond, each, err = l.load(ctx, l.restore, clients, duration); err != nil {
			return err
		}
		rate.other = append(rate.other, perSecond)
		latency.other = append(latency.other, each...)
	}
	latency.note = fmt.Sprintf("p95: ours %s, other %s", number(latency.ours.quantile(0.95)), number(latency.other.quantile(0.95)))
	t.row(rate)
	t.row(latency)
	return nil
}

// load lets clients run programs for a while. What a full pool gives in
// advance is left out: measuring begins when it has handed out its first
// machines.
func (l *lab) load(ctx context.Context, get machines, clients int, duration time.Duration) (perSecond float64, each sample, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	settled := time.Now().Add(duration / 4)
	stop := settled.Add(duration)
	done := 0
	for range clients {
		wg.Go(func() {
			for time.Now().Before(stop) {
				took, err := l.oneRun(ctx, l.runner(get))
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				if now := time.Now(); now.After(settled) && now.Before(stop) {
					done++
					each.add(took)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return float64(done) / duration.Seconds(), each, context.Cause(ctx)
}

func (l *lab) oneRun(ctx context.Context, r *run.Runner) (time.Duration, error) {
	name := "execsnoop.bpf.c"
	text, err := exampleText(name)
	if err != nil {
		return 0, err
	}
	text = fmt.Appendf(text, "\n/* variant %d of %d */\n", l.variant.Add(1), time.Now().UnixNano())
	request, err := l.request(source.Program{Name: name, Language: source.C, Text: text}, l.latest())
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	events := 0
	end := r.Run(ctx, request, func(e run.Event) {
		if _, ok := e.Body.(run.Record); ok {
			events++
		}
	})
	if end.State != run.Done || events == 0 {
		return 0, fmt.Errorf("%w: %s: %s", errNoEvent, end.State, end.Message)
	}
	return time.Since(begin), nil
}
