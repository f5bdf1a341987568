package compile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// waiting keeps compilers that were started ahead and are ready, each for one source.
type waiting struct {
	start func(command) (*partner, error)
	// calm is how long after a compile no compiler is started: the run that it was for needs the processors.
	// So under constant load none are, and little is lost: getting ready takes longer than it saves.
	calm time.Duration
	// recovery is how long none is after one died that waited, for lack of memory perhaps.
	recovery time.Duration

	mu      sync.Mutex
	cond    *sync.Cond // anything below changed
	kinds   map[string]*kind
	busy    int       // compiles at work
	rest    time.Time // no compiler is started before
	closed  bool
	working sync.WaitGroup
}

// kind is a way to call the compiler: the same program, files, arguments.
type kind struct {
	command command
	wanted  int
	ready   []*partner
	err     error // of the last start; the next one who finds none ready has it tried again
}

// kind names commands that can stand in for each other.
func (c command) kind() string {
	parts := append([]string{c.path, fmt.Sprint(c.limits)}, c.args...)
	for _, m := range c.mounts {
		parts = append(parts, m.source, m.target)
	}
	return contentKey(parts...)
}

func newWaiting(start func(command) (*partner, error)) *waiting {
	w := &waiting{start: start, calm: 100 * time.Millisecond, recovery: time.Second, kinds: make(map[string]*kind)}
	w.cond = sync.NewCond(&w.mu)
	return w
}

// keep says how many compilers of a kind are to wait.
func (w *waiting) keep(c command, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.kinds) == 0 && !w.closed {
		w.working.Add(1)
		go w.work()
	}
	k := w.kinds[c.kind()]
	if k == nil {
		k = &kind{command: c}
		w.kinds[c.kind()] = k
	}
	k.wanted, k.err = n, nil
	for len(k.ready) > n {
		k.ready[0].kill()
		k.ready = k.ready[1:]
	}
	w.cond.Broadcast()
}

// full waits until as many compilers wait as should, or one cannot be started.
func (w *waiting) full(ctx context.Context) error {
	stop := context.AfterFunc(ctx, w.wakeAll)
	defer stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.closed && ctx.Err() == nil {
		k := w.lacking()
		if k == nil {
			return nil
		}
		if k.err != nil {
			return k.err
		}
		w.cond.Wait()
	}
	if w.closed {
		return errClosed
	}
	return fmt.Errorf("wait for compilers: %w", context.Cause(ctx))
}

// take hands out a compiler of the command's kind, nil if none is ready.
func (w *waiting) take(c command) *partner {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.kinds[c.kind()]
	if k == nil {
		return nil
	}
	if len(k.ready) == 0 {
		k.err = nil
		return nil
	}
	p := k.ready[0]
	k.ready = k.ready[1:]
	w.cond.Broadcast()
	return p
}

// begin and end enclose a compile.
func (w *waiting) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy++
}

func (w *waiting) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	w.rest = time.Now().Add(w.calm)
	w.cond.Broadcast()
}

// lacking is a kind of which too few are ready, one without an error if there is any.
func (w *waiting) lacking() *kind {
	var found *kind
	for _, k := range w.kinds {
		if len(k.ready) < k.wanted && (found == nil || found.err != nil) {
			found = k
		}
	}
	return found
}

// work starts compilers as long as they are wanted, one after the other.
func (w *waiting) work() {
	defer w.working.Done()
	for k := w.next(); k != nil; k = w.next() {
		p, err := w.prepare(k.command)
		w.mu.Lock()
		switch {
		case err != nil:
			k.err = err
		case w.closed || len(k.ready) >= k.wanted:
			p.kill()
		default:
			k.ready = append(k.ready, p)
			w.working.Add(1)
			go w.watch(k, p)
		}
		w.cond.Broadcast()
		w.mu.Unlock()
	}
}

// next waits until a compiler should be started; nil: never again.
func (w *waiting) next() *kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.closed {
		k := w.lacking()
		if k == nil || k.err != nil || w.busy > 0 {
			w.cond.Wait()
			continue
		}
		left := time.Until(w.rest)
		if left <= 0 {
			return k
		}
		timer := time.AfterFunc(left, w.wakeAll)
		w.cond.Wait()
		timer.Stop()
	}
	return nil
}

// prepare starts a compiler and waits until it can be asked.
func (w *waiting) prepare(c command) (*partner, error) {
	p, err := w.start(c)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(c.limits.Wall)
	defer timeout.Stop()
	select {
	case <-p.reply.ready:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("a compiler that should wait has ended: %s", excerpt(p.reply.said()))
	case <-timeout.C:
		p.kill()
		return nil, fmt.Errorf("a compiler that should wait was not ready after %v", c.limits.Wall)
	}
}

// watch notices that a waiting compiler has died.
func (w *waiting) watch(k *kind, p *partner) {
	defer w.working.Done()
	<-p.exited
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := slices.Index(k.ready, p); at >= 0 {
		k.ready = slices.Delete(k.ready, at, at+1)
		w.rest = time.Now().Add(w.recovery)
		w.cond.Broadcast()
	}
}

func (w *waiting) pids() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []int
	for _, k := range w.kinds {
		for _, p := range k.ready {
			list = append(list, p.cmd.Process.Pid)
		}
	}
	return list
}

// wakeAll takes the lock, so that nobody who just looked goes to sleep behind its back.
func (w *waiting) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cond.Broadcast()
}

var errClosed = errors.New("the compiler is closed")

// close kills all that wait and waits for their end.
func (w *waiting) close() {
	w.mu.Lock()
	w.closed = true
	for _, k := range w.kinds {
		for _, p := range k.ready {
			p.kill()
		}
		k.ready = nil
	}
	w.cond.Broadcast()
	w.mu.Unlock()
	w.working.Wait()
}
