//go:build linux

package collect

import (
	"errors"
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/wire"
)

// recorder keeps what was sent.
type recorder struct {
	kinds  []wire.Kind
	values []any
	err    error
}

func (r *recorder) send(kind wire.Kind, v any) error {
	r.kinds = append(r.kinds, kind)
	r.values = append(r.values, v)
	return r.err
}

func TestSinkLimits(t *testing.T) {
	r := &recorder{}
	s := NewSink(r.send, wire.Limits{Events: 2, EventBytes: 100, TraceLines: 1})
	data := make([]byte, 40)
	for i, within := range []bool{true, true, false} {
		if got := s.event(wire.Event{Data: data}); got != within {
			t.Errorf("event %d: within %v", i, got)
		}
	}
	if s.trace(wire.Trace{}); s.trace(wire.Trace{}) {
		t.Error("a second line was within a limit of one")
	}
	if len(r.values) != 3 {
		t.Errorf("%d frames were sent, want 3", len(r.values))
	}
	if over := s.Over(); over != "events and trace lines" {
		t.Errorf("over: %q", over)
	}
}

func TestSinkEventBytes(t *testing.T) {
	r := &recorder{}
	s := NewSink(r.send, wire.Limits{EventBytes: 100})
	for range 3 {
		s.event(wire.Event{Data: make([]byte, 60)})
	}
	if len(r.values) != 1 || s.Over() != "events" {
		t.Errorf("%d events of 60 bytes within 100, over %q", len(r.values), s.Over())
	}
}

func TestSinkPackets(t *testing.T) {
	r := &recorder{}
	s := NewSink(r.send, wire.Limits{})
	for range maxPackets + 5 {
		s.packet(wire.Packet{Where: "v0"})
	}
	s.SendLost()
	if last, ok := r.values[len(r.values)-1].(wire.Lost); !ok || last.Count != 5 {
		t.Errorf("the last frame is %+v, want 5 lost packets", r.values[len(r.values)-1])
	}
	if s.Over() != "" {
		t.Error("packets ended the run")
	}
}

func TestSinkLongLog(t *testing.T) {
	r := &recorder{}
	s := NewSink(r.send, wire.Limits{})
	text := strings.Repeat("0123456789", chunk/4)
	s.Log(wire.Log{From: "verifier", Program: "p", Text: text, Truncated: true})
	var joined strings.Builder
	for i, v := range r.values {
		l := v.(wire.Log)
		joined.WriteString(l.Text)
		last := i == len(r.values)-1
		if l.More == last || l.Truncated != last || l.Program != "p" {
			t.Errorf("part %d: more %v, truncated %v", i, l.More, l.Truncated)
		}
	}
	if joined.String() != text || len(r.values) != 3 {
		t.Errorf("%d parts, %d of %d bytes", len(r.values), joined.Len(), len(text))
	}
}

func TestSinkBrokenChannel(t *testing.T) {
	r := &recorder{err: errors.New("gone")}
	s := NewSink(r.send, wire.Limits{})
	s.Send(wire.KindStage, wire.Stage{})
	s.Send(wire.KindStage, wire.Stage{})
	if s.Err() == nil || len(r.values) != 1 {
		t.Errorf("error %v after %d frames", s.Err(), len(r.values))
	}
}

// TestSinkLost: what was lost, and what could not be read, is said at the end.
func TestSinkLost(t *testing.T) {
	r := &recorder{}
	s := NewSink(r.send, wire.Limits{})
	s.AddLost("two", 2)
	s.AddLost("one", 0)
	s.AddLost("two", 3)
	s.unread("trace lines")
	s.SendLost()
	if len(r.values) != 2 || r.values[0] != (wire.Lost{Map: "two", Count: 5}) {
		t.Fatalf("sent: %+v", r.values)
	}
	if said, ok := r.values[1].(wire.Log); !ok || !strings.HasPrefix(said.Text, "reading trace lines ended 300ms after the scene") {
		t.Errorf("said: %+v", r.values[1])
	}
}
