package machine_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/wire"
)

// fakeEngine starts machines that are goroutines.
type fakeEngine struct {
	boots, restores, alive atomic.Int32
	// fail, if any, is what a restore fails with.
	fail func() error
	// guest answers to a run; nil reports that all is done.
	guest func(channel net.Conn)
	// deaf, if any, is received from after the first frame.
	deaf chan struct{}
	// gate, if any, is received from before a restore returns.
	gate chan struct{}
	// oldest is the first machine that was started.
	oldest atomic.Pointer[fakeVM]
	// asleep counts down the clones that never answer.
	asleep atomic.Int32
}

func (e *fakeEngine) Identity() string { return "a fake" }

func (e *fakeEngine) Boot(context.Context, machine.Image) (machine.VM, error) {
	e.boots.Add(1)
	return e.start(func(channel net.Conn) {
		_ = wire.WriteJSON(channel, wire.KindHello, wire.Hello{Release: "6.6.6"})
		e.serve(channel)
	}), nil
}

func (e *fakeEngine) Restore(ctx context.Context, _ *machine.Snapshot) (machine.VM, error) {
	e.restores.Add(1)
	if e.gate != nil {
		select {
		case <-e.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if e.fail != nil {
		if err := e.fail(); err != nil {
			return nil, err
		}
	}
	return e.start(e.serve), nil
}

func (e *fakeEngine) serve(channel net.Conn) {
	for {
		kind, _, err := wire.Read(channel)
		if err != nil {
			return
		}
		if e.deaf != nil {
			<-e.deaf
			return
		}
		switch {
		case kind == wire.KindPing && e.asleep.Add(-1) < 0:
			_ = wire.Write(channel, wire.KindPong, nil)
		case kind != wire.KindRun:
		case e.guest != nil:
			e.guest(channel)
			return
		default:
			_ = wire.WriteJSON(channel, wire.KindEnd, wire.End{State: wire.StateDone})
		}
	}
}

func (e *fakeEngine) start(guest func(net.Conn)) *fakeVM {
	ours, theirs := net.Pipe()
	vm := &fakeVM{Conn: ours, engine: e, done: make(chan struct{})}
	e.alive.Add(1)
	e.oldest.CompareAndSwap(nil, vm)
	go func() {
		defer close(vm.done)
		defer theirs.Close()
		guest(theirs)
	}()
	return vm
}

type fakeVM struct {
	net.Conn
	engine *fakeEngine
	once   sync.Once
	done   chan struct{}
}

func (v *fakeVM) Save(_ context.Context, ram, state *os.File) error {
	_, err := state.WriteString("all registers are zero")
	return errors.Join(err, ram.Truncate(machine.Memory))
}

// first is the machine that was started first.
func (e *fakeEngine) first() *fakeVM { return e.oldest.Load() }

// end is that of a guest, which nobody asked for.
func (v *fakeVM) end() {
	_ = v.Conn.Close()
	<-v.done
}

// Resume fails for a machine that has gone.
func (v *fakeVM) Resume(ctx context.Context) error {
	select {
	case <-v.done:
		return io.ErrClosedPipe
	default:
		return ctx.Err()
	}
}

func (v *fakeVM) Pause(ctx context.Context) error { return ctx.Err() }
func (v *fakeVM) Console() string                 { return "last words" }
func (v *fakeVM) PID() int                        { return 0 }

func (v *fakeVM) Close() error {
	v.once.Do(func() {
		_ = v.Conn.Close()
		<-v.done
		v.engine.alive.Add(-1)
	})
	return nil
}

var _ machine.Engine = (*fakeEngine)(nil)

func frameOf(kind wire.Kind, v any) []byte {
	payload, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var frame frameBuffer
	_ = wire.Write(&frame, kind, payload)
	return frame
}

type frameBuffer []byte

func (b *frameBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
