package machine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/wire"
)

// What a guest can do to Run: everything ends in an error, none in a wait.
func TestHostileGuest(t *testing.T) {
	reason := errors.New("enough")
	flood := func(channel net.Conn) {
		frame := frameOf(wire.KindTrace, wire.Trace{Text: "again"})
		for {
			if _, err := channel.Write(frame); err != nil {
				return
			}
		}
	}
	silence := func(channel net.Conn) { _, _ = io.Copy(io.Discard, channel) }
	write := func(data ...byte) func(net.Conn) {
		return func(channel net.Conn) { _, _ = channel.Write(data) }
	}
	for _, c := range []struct {
		name   string
		guest  func(net.Conn)
		cancel bool
		want   error
	}{
		{"goes away", func(net.Conn) {}, false, machine.ErrDied},
		{"goes away in a frame", write(9, 0, 0, 0, 't', 'x'), false, machine.ErrDied},
		{"a frame of nothing", write(0, 0, 0, 0, 0), false, wire.ErrFrame},
		{"a frame of 4 GiB", write(255, 255, 255, 255, 't'), false, wire.ErrFrame},
		{"an end that is no JSON", write(2, 0, 0, 0, byte(wire.KindEnd), '{'), false, wire.ErrFrame},
		{"floods", flood, true, reason},
		{"does not answer", silence, true, reason},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := machine.Restore(deadline(t), &fakeEngine{guest: c.guest}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			ctx, cancel := context.WithCancelCause(deadline(t))
			defer cancel(nil)
			if c.cancel {
				go cancel(reason)
			}
			_, err = m.Run(ctx, wire.Run{}, idle, time.Millisecond, func(machine.Frame) error { return nil })
			if !errors.Is(err, c.want) {
				t.Errorf("Run: %v, want %v", err, c.want)
			}
		})
	}
}

// A guest that never takes the object must not keep Run either.
func TestDeafGuest(t *testing.T) {
	reason := errors.New("enough")
	deaf := make(chan struct{})
	engine := &fakeEngine{deaf: deaf}
	m, err := machine.Restore(deadline(t), engine, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	defer close(deaf)
	ctx, cancel := context.WithCancelCause(deadline(t))
	go cancel(reason)
	_, err = m.Run(ctx, wire.Run{}, idle, time.Millisecond, func(machine.Frame) error { return nil })
	if !errors.Is(err, reason) {
		t.Errorf("Run: %v, want %v", err, reason)
	}
}

// What is called off before it begins is not begun, and nobody waits for grace.
func TestRunOfNoUse(t *testing.T) {
	reason := errors.New("enough")
	silence := func(channel net.Conn) { _, _ = io.Copy(io.Discard, channel) }
	m, err := machine.Restore(deadline(t), &fakeEngine{guest: silence}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(deadline(t))
	cancel(reason)
	_, err = m.Run(ctx, wire.Run{}, idle, time.Hour, func(machine.Frame) error { return nil })
	_ = m.Close()
	if !errors.Is(err, reason) {
		t.Errorf("Run: %v, want %v", err, reason)
	}
}
