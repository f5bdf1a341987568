package machine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/skep-dev/skep/internal/wire"
)

// A Machine is a virtual machine with our guest in it, ready for one run.
type Machine struct {
	vm     VM
	used   bool
	closed func() // tells the pool that it came from
	once   sync.Once
}

// A Frame is one message of the guest, not yet validated.
type Frame struct {
	Kind    wire.Kind
	Payload []byte
}

// Boot starts a machine from an image and waits for the guest's hello.
func Boot(ctx context.Context, engine Engine, image Image) (*Machine, wire.Hello, error) {
	vm, err := engine.Boot(ctx, image)
	if err != nil {
		return nil, wire.Hello{}, err
	}
	m := &Machine{vm: vm}
	var hello wire.Hello
	frame, err := m.read(ctx)
	if err == nil {
		err = decodeHello(frame, &hello)
	}
	if err != nil {
		_ = m.Close()
		return nil, wire.Hello{}, fmt.Errorf("boot a machine: wait for the guest's hello: %w", err)
	}
	// A machine without devices hardly finds randomness of its own. Seeded
	// before its snapshot, the kernel is past that in every clone.
	if err := m.refresh(ctx); err != nil {
		_ = m.Close()
		return nil, wire.Hello{}, fmt.Errorf("boot a machine: %w", err)
	}
	return m, hello, nil
}

func decodeHello(frame Frame, hello *wire.Hello) error {
	if frame.Kind != wire.KindHello {
		return fmt.Errorf("%w: kind %q instead of a hello", wire.ErrFrame, byte(frame.Kind))
	}
	return json.Unmarshal(frame.Payload, hello)
}

// Restore starts a clone of a snapshot and wakes it. It is not used yet.
func Restore(ctx context.Context, engine Engine, snapshot *Snapshot) (*Machine, error) {
	vm, err := engine.Restore(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	m := &Machine{vm: vm}
	if err := m.wake(ctx); err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("restore a machine: %w", err)
	}
	return m, nil
}

// wake lets a paused machine run, with the time and randomness of now. It does
// not wait for the guest: whatever is sent next comes after.
func (m *Machine) wake(ctx context.Context) error {
	if err := m.vm.Resume(ctx); err != nil {
		return err
	}
	return m.refresh(ctx)
}

// refresh gives the guest the time and randomness of now.
func (m *Machine) refresh(ctx context.Context) error {
	entropy := make([]byte, 64)
	if _, err := rand.Read(entropy); err != nil {
		return err
	}
	w := wire.Wake{UnixNano: time.Now().UnixNano(), Entropy: entropy}
	return m.write(ctx, wire.KindWake, wire.MarshalWake(w))
}

// read receives one frame; the end of ctx ends the wait.
func (m *Machine) read(ctx context.Context) (Frame, error) {
	stop := m.boundBy(ctx)
	defer stop()
	kind, payload, err := wire.Read(m.vm)
	if err == nil {
		return Frame{kind, payload}, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return Frame{}, cause
	}
	if errors.Is(err, wire.ErrFrame) {
		return Frame{}, err
	}
	return Frame{}, m.died(err)
}

// boundBy makes the end of ctx the end of reads and writes, for good.
func (m *Machine) boundBy(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = m.vm.SetDeadline(time.Unix(1, 0)) })
}

// died turns a broken channel into what it means. The machine is of no use any
// more, and only once it is gone has all of its console arrived.
func (m *Machine) died(err error) error {
	_ = m.Close()
	return &DiedError{Console: m.vm.Console(), Cause: err}
}

// ErrUsed says that a machine has already had its run.
var ErrUsed = errors.New("a machine is used once")

// Run sends one object into the machine and passes everything that the guest
// says to handle until the run's end. The end of ctx asks the guest to report
// what it has; if it does not answer within grace, Run returns ctx's cause.
// An error of handle ends the run likewise.
func (m *Machine) Run(ctx context.Context, run wire.Run, object []byte, grace time.Duration, handle func(Frame) error) (wire.End, error) {
	if m.used {
		return wire.End{}, ErrUsed
	}
	if ctx.Err() != nil { // a guest that is told before the run would not end it
		return wire.End{}, context.Cause(ctx)
	}
	m.used = !run.Quiet // preheating leaves a machine unused
	payload, err := wire.MarshalRun(run, object)
	if err != nil {
		return wire.End{}, err
	}
	hard, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, func() { giveUp(context.Cause(ctx)) })
		context.AfterFunc(hard, func() { timer.Stop() })
		_ = wire.Write(m.vm, wire.KindCancel, nil) // waits for a guest that does not read
	})
	defer stop()
	if err := m.write(hard, wire.KindRun, payload); err != nil {
		return wire.End{}, err
	}
	for {
		frame, err := m.read(hard)
		if err != nil {
			return wire.End{}, err
		}
		if frame.Kind == wire.KindEnd {
			var end wire.End
			if err := json.Unmarshal(frame.Payload, &end); err != nil {
				return wire.End{}, fmt.Errorf("%w: end: %w", wire.ErrFrame, err)
			}
			return end, nil
		}
		if err := handle(frame); err != nil {
			return wire.End{}, err
		}
	}
}

// write sends one frame; the end of ctx ends the wait for a guest that does
// not read.
func (m *Machine) write(ctx context.Context, kind wire.Kind, payload []byte) error {
	stop := m.boundBy(ctx)
	defer stop()
	err := wire.Write(m.vm, kind, payload)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return m.died(err)
}

// ping waits until the guest answers.
func (m *Machine) ping(ctx context.Context) error {
	if err := m.write(ctx, wire.KindPing, nil); err != nil {
		return err
	}
	frame, err := m.read(ctx)
	if err == nil && frame.Kind != wire.KindPong {
		err = fmt.Errorf("%w: kind %q instead of a pong", wire.ErrFrame, byte(frame.Kind))
	}
	return err
}

// Console is the end of what the machine's kernel wrote on its serial line.
func (m *Machine) Console() string { return m.vm.Console() }

// PID is the engine's process on the host, for measuring.
func (m *Machine) PID() int { return m.vm.PID() }

// Close kills the machine and waits until nothing of it is left.
func (m *Machine) Close() error {
	err := m.vm.Close()
	m.once.Do(func() {
		if m.closed != nil {
			m.closed()
		}
	})
	return err
}
