package machine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// PoolOptions describe a pool. Engine and Snapshot are required.
type PoolOptions struct {
	Engine   Engine
	Snapshot *Snapshot
	// Size is how many machines wait. 0: two.
	Size int
	// Workers is how many are prepared at once. 0: one.
	Workers int
	// Preheat runs in every machine before it waits. A clone has the warm
	// memory of its snapshot, but under emulation no translated code. When
	// somebody waits already, a machine is handed out without: preheating
	// takes longer than it saves one run.
	Preheat []Preheat
	// Running is how many machines may be handed out and not closed yet; who
	// asks for one more waits his turn. With more busy machines than
	// processors, all take longer and fewer come to their end. 0: no limit.
	Running int
	// Eager prepares machines also while others are running. Otherwise the
	// processors are left to those until someone has to wait.
	Eager bool
}

// A Pool keeps machines restored, preheated and paused, so that a run can
// begin at once.
type Pool struct {
	o      PoolOptions
	turns  *semaphore.Weighted // of machines that may run; nil: no limit
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	cond    *sync.Cond // waiting, running, wanted, closed or err changed
	waiting []*Machine
	coming  int // being prepared
	running int // taken and not closed yet
	wanted  int // callers of Get without a machine
	err     error
	closed  bool
}

// ErrPoolClosed is returned by Get after Close.
var ErrPoolClosed = errors.New("the pool of machines is closed")

// NewPool starts to fill a pool.
func NewPool(o PoolOptions) *Pool {
	o.Size = max(o.Size, 0)
	if o.Size == 0 {
		o.Size = 2
	}
	o.Workers = max(o.Workers, 1)
	p := &Pool{o: o}
	if o.Running > 0 {
		p.turns = semaphore.NewWeighted(int64(o.Running))
	}
	p.cond = sync.NewCond(&p.mu)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for range o.Workers {
		p.wg.Add(1)
		go p.work()
	}
	return p
}

// Get hands out a machine; the caller closes it. It waits for one if none is
// ready.
func (p *Pool) Get(ctx context.Context) (*Machine, error) {
	var err error
	// One that has died while it waited costs nobody his run.
	for range p.o.Size + 1 {
		var m *Machine
		if m, err = p.take(ctx); err != nil {
			return nil, err
		}
		if err = m.wake(ctx); err == nil {
			return m, nil
		}
		_ = m.Close()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("wake a machine: %w", err)
}

// take waits for its turn and then for a machine.
func (p *Pool) take(ctx context.Context) (*Machine, error) {
	if p.turns != nil {
		if err := p.awaitTurn(ctx); err != nil {
			return nil, err
		}
	}
	m, err := p.next(ctx)
	if err != nil && p.turns != nil {
		p.turns.Release(1)
	}
	return m, err
}

// awaitTurn ends without one when ctx does or the pool is closed.
func (p *Pool) awaitTurn(ctx context.Context) error {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	if err := p.turns.Acquire(both, 1); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("wait for a machine: %w", context.Cause(ctx))
	}
	return ErrPoolClosed
}

// next takes a waiting machine.
func (p *Pool) next(ctx context.Context) (*Machine, error) {
	stop := context.AfterFunc(ctx, p.wakeAll)
	defer stop()
	p.mu.Lock()
	p.wanted++
	p.cond.Broadcast()
	for len(p.waiting) == 0 && !p.closed && p.err == nil && ctx.Err() == nil {
		p.cond.Wait()
	}
	p.wanted--
	var m *Machine
	var err error
	switch {
	case len(p.waiting) > 0:
		m = p.waiting[0]
		p.waiting = p.waiting[1:]
		p.running++
		m.closed = p.released
	case p.closed:
		err = ErrPoolClosed
	case ctx.Err() != nil:
		err = fmt.Errorf("wait for a machine: %w", context.Cause(ctx))
	default:
		err, p.err = p.err, nil // the next one tries again
	}
	p.cond.Broadcast()
	p.mu.Unlock()
	return m, err
}

// Ready waits until the pool is full or cannot be filled.
func (p *Pool) Ready(ctx context.Context) error {
	stop := context.AfterFunc(ctx, p.wakeAll)
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) < p.o.Size && p.err == nil && !p.closed && ctx.Err() == nil {
		p.cond.Wait()
	}
	switch {
	case p.closed:
		return ErrPoolClosed
	case p.err != nil:
		return p.err
	case len(p.waiting) < p.o.Size:
		return fmt.Errorf("wait for the machines: %w", context.Cause(ctx))
	}
	return nil
}

// Machines are the waiting ones, for measuring.
func (p *Pool) Machines() []*Machine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Machine(nil), p.waiting...)
}

// wakeAll takes the lock, so that nobody who just looked at his context goes
// to sleep behind its back.
func (p *Pool) wakeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *Pool) released() {
	p.mu.Lock()
	p.running--
	p.cond.Broadcast()
	p.mu.Unlock()
	if p.turns != nil {
		p.turns.Release(1)
	}
}

// work prepares machines as long as they are wanted.
func (p *Pool) work() {
	defer p.wg.Done()
	for p.waitForWork() {
		m, err := p.prepare()
		p.mu.Lock()
		p.coming--
		switch {
		case err != nil:
			p.err = err
		case p.closed:
			p.mu.Unlock()
			_ = m.Close()
			return
		default:
			p.waiting = append(p.waiting, m)
		}
		p.cond.Broadcast()
		p.mu.Unlock()
	}
}

// waitForWork waits until a machine should be prepared, and counts it as
// coming; false: never again.
func (p *Pool) waitForWork() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && !p.shouldPrepare() {
		p.cond.Wait()
	}
	if p.closed {
		return false
	}
	p.coming++
	return true
}

func (p *Pool) shouldPrepare() bool {
	if p.err != nil { // until somebody has heard of it
		return false
	}
	ready := len(p.waiting) + p.coming
	if p.wanted > ready {
		return true
	}
	return ready < p.o.Size && (p.o.Eager || p.running == 0)
}

func (p *Pool) prepare() (*Machine, error) {
	m, err := Restore(p.ctx, p.o.Engine, p.o.Snapshot)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(p.o.Preheat) && err == nil && !p.lacking(); i++ {
		err = m.Preheat(p.ctx, p.o.Preheat[i:i+1])
	}
	if err == nil {
		err = m.vm.Pause(p.ctx)
	}
	if err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// lacking tells whether somebody waits for a machine.
func (p *Pool) lacking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted > len(p.waiting)
}

// Close kills the waiting machines and waits for those being prepared. The
// ones handed out stay their owners'.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	waiting := p.waiting
	p.waiting = nil
	p.cond.Broadcast()
	p.mu.Unlock()
	p.cancel()
	for _, m := range waiting {
		_ = m.Close()
	}
	p.wg.Wait()
	return nil
}
