package machine_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/skep-dev/skep/internal/machine"
)

func newPool(t *testing.T, o machine.PoolOptions) *machine.Pool {
	t.Helper()
	p := machine.NewPool(o)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if alive := o.Engine.(*fakeEngine).alive.Load(); alive != 0 {
			t.Errorf("%d machines are still alive", alive)
		}
	})
	return p
}

func TestPoolFills(t *testing.T) {
	for _, c := range []struct {
		name string
		o    machine.PoolOptions
		want int
	}{
		{"by default", machine.PoolOptions{}, 2},
		{"as asked", machine.PoolOptions{Size: 5}, 5},
		{"no more than asked, with many workers", machine.PoolOptions{Size: 3, Workers: 8}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine := &fakeEngine{}
			c.o.Engine = engine
			p := newPool(t, c.o)
			if err := p.Ready(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if got := len(p.Machines()); got != c.want || int(engine.restores.Load()) != c.want {
				t.Errorf("%d machines wait, %d were restored; want %d", got, engine.restores.Load(), c.want)
			}
		})
	}
}

// While machines run, the processors are theirs; the pool fills up afterwards.
func TestPoolWaitsForRunning(t *testing.T) {
	engine := &fakeEngine{}
	p := newPool(t, machine.PoolOptions{Engine: engine, Size: 2})
	if err := p.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	m, err := p.Get(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := engine.restores.Load(); got != 2 {
		t.Errorf("%d machines were restored while one runs, want 2", got)
	}
	for range 2 { // closing twice counts once
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := engine.restores.Load(); got != 3 {
		t.Errorf("%d machines were restored, want 3", got)
	}
}

func TestPoolConcurrentGet(t *testing.T) {
	engine := &fakeEngine{}
	p := newPool(t, machine.PoolOptions{Engine: engine, Size: 2, Workers: 2})
	var mu sync.Mutex
	seen := map[*machine.Machine]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			m, err := p.Get(deadline(t))
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Close()
			mu.Lock()
			if seen[m] {
				t.Error("a machine was handed out twice")
			}
			seen[m] = true
			mu.Unlock()
			if err := m.Preheat(deadline(t), []machine.Preheat{{Object: idle}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A machine that has died while it waited is passed over.
func TestPoolPassesOverTheDead(t *testing.T) {
	engine := &fakeEngine{}
	p := newPool(t, machine.PoolOptions{Engine: engine, Size: 2, Running: 1})
	if err := p.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	dead := p.Machines()[0]
	engine.first().end()
	m, err := p.Get(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m == dead {
		t.Error("a dead machine was handed out")
	}
	if err := m.Preheat(deadline(t), []machine.Preheat{{Object: idle}}); err != nil {
		t.Error(err)
	}
}

// No more machines run than may; who waits for his turn hears of the end.
func TestPoolRunning(t *testing.T) {
	p := newPool(t, machine.PoolOptions{Engine: &fakeEngine{}, Size: 3, Running: 2})
	if err := p.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	var taken []*machine.Machine
	for range 2 {
		m, err := p.Get(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, m)
	}
	ctx, cancel := context.WithCancelCause(deadline(t))
	errs := make(chan error)
	get := func(ctx context.Context) {
		m, err := p.Get(ctx)
		if err == nil {
			taken = append(taken, m)
		}
		errs <- err
	}
	reason := errors.New("enough")
	go get(ctx)
	cancel(reason)
	if err := <-errs; !errors.Is(err, reason) {
		t.Errorf("a third Get that is given up: %v, want %v", err, reason)
	}
	go get(deadline(t))
	if err := taken[0].Close(); err != nil {
		t.Error(err)
	}
	if err := <-errs; err != nil {
		t.Errorf("a third Get after the first machine was closed: %v", err)
	}
	go get(deadline(t))
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-errs; !errors.Is(err, machine.ErrPoolClosed) {
		t.Errorf("a fourth Get while the pool closes: %v, want %v", err, machine.ErrPoolClosed)
	}
	for _, m := range taken {
		_ = m.Close()
	}
}

func TestPoolGetEnds(t *testing.T) {
	reason := errors.New("enough")
	broken := errors.New("no more memory")
	for _, c := range []struct {
		name   string
		engine *fakeEngine
		end    func(p *machine.Pool, cancel context.CancelCauseFunc)
		want   error
	}{
		{
			"ctx", &fakeEngine{gate: make(chan struct{})},
			func(_ *machine.Pool, cancel context.CancelCauseFunc) { cancel(reason) }, reason,
		},
		{
			"Close", &fakeEngine{gate: make(chan struct{})},
			func(p *machine.Pool, _ context.CancelCauseFunc) { p.Close() }, machine.ErrPoolClosed,
		},
		{
			"a restore that fails", &fakeEngine{fail: func() error { return broken }},
			func(*machine.Pool, context.CancelCauseFunc) {}, broken,
		},
	} {
		for what, call := range map[string]func(*machine.Pool, context.Context) error{
			"Get": func(p *machine.Pool, ctx context.Context) error {
				_, err := p.Get(ctx)
				return err
			},
			"Ready": (*machine.Pool).Ready,
		} {
			t.Run(what+" and "+c.name, func(t *testing.T) {
				p := newPool(t, machine.PoolOptions{Engine: c.engine})
				ctx, cancel := context.WithCancelCause(deadline(t))
				go c.end(p, cancel)
				if err := call(p, ctx); !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", what, err, c.want)
				}
			})
		}
	}
}

// A failure is told once; whoever comes next makes the pool try again.
func TestPoolRecovers(t *testing.T) {
	broken := errors.New("no more memory")
	var once sync.Once
	engine := &fakeEngine{fail: func() (err error) {
		once.Do(func() { err = broken })
		return err
	}}
	p := newPool(t, machine.PoolOptions{Engine: engine})
	if _, err := p.Get(deadline(t)); !errors.Is(err, broken) {
		t.Errorf("the first Get: %v, want %v", err, broken)
	}
	m, err := p.Get(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}
