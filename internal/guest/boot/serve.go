package boot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/skep-dev/skep/internal/wire"
)

// A Runner runs one object; internal/guest provides it. It sends frames as
// things happen and returns how it ended. The end of ctx is the host's wish to
// end early: what was gathered is still reported.
type Runner interface {
	Run(ctx context.Context, run wire.Run, object []byte, send func(wire.Kind, any) error) wire.End
}

// Serve answers the host until the channel ends.
func Serve(port io.ReadWriter, runner Runner) error {
	s := &session{out: &frameWriter{w: port}, runner: runner}
	defer func() {
		s.abort()
		s.stop()
	}()
	for {
		kind, payload, err := wire.Read(port)
		if err != nil {
			return err
		}
		if err := s.handle(kind, payload); err != nil {
			return err
		}
	}
}

// session is one conversation with the host. At most one run is under way.
type session struct {
	out    *frameWriter
	runner Runner
	cancel context.CancelFunc
	done   chan struct{}
}

func (s *session) handle(kind wire.Kind, payload []byte) error {
	switch kind {
	case wire.KindPing:
		return s.out.frame(wire.KindPong, payload)
	case wire.KindWake:
		w, err := wire.UnmarshalWake(payload)
		if err != nil {
			return err
		}
		return wake(w)
	case wire.KindRun:
		run, object, err := wire.UnmarshalRun(payload)
		if err != nil {
			return err
		}
		s.start(run, object)
		return nil
	case wire.KindCancel:
		s.abort()
		return nil
	}
	return fmt.Errorf("%w: the host sent kind %q", wire.ErrFrame, byte(kind))
}

// start runs an object beside the reading of further frames, after the run
// before it has ended.
func (s *session) start(run wire.Run, object []byte) {
	s.stop()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.cancel, s.done = cancel, done
	go func() {
		defer close(done)
		defer cancel()
		end := s.runner.Run(ctx, run, object, s.out.send)
		_ = s.out.send(wire.KindEnd, end) // the host notices a broken channel itself
	}()
}

// abort asks the run under way, if any, to end.
func (s *session) abort() {
	if s.cancel != nil {
		s.cancel()
	}
}

// stop waits for the run under way, if any.
func (s *session) stop() {
	if s.done != nil {
		<-s.done
	}
}

// frameWriter lets many goroutines send frames over one channel.
type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frameWriter) frame(kind wire.Kind, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return wire.Write(f.w, kind, payload)
}

func (f *frameWriter) send(kind wire.Kind, v any) error {
	if event, ok := v.(wire.Event); ok {
		return f.frame(kind, wire.MarshalEvent(event))
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %q frame: %w", byte(kind), err)
	}
	return f.frame(kind, payload)
}
