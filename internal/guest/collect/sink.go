//go:build linux

// Package collect gathers what a run brings forth and sends it: records of
// ring and perf buffers, trace lines, packets, and at the end map contents,
// global variables and statistics. Everything has a limit.
package collect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/skep-dev/skep/internal/wire"
)

// What a run may send if it does not say otherwise.
const (
	defaultEvents     = 100_000
	defaultEventBytes = 16 << 20
	defaultTraceLines = 10_000
	defaultLogBytes   = 1 << 20
	defaultEntries    = 4096
	// VerifierLogBytes is the default for a verifier's log.
	VerifierLogBytes = 16 << 20

	maxPackets     = 1000
	maxPacketBytes = 1 << 20
)

// A Sink sends frames one at a time, and counts.
type Sink struct {
	send   func(wire.Kind, any) error
	limits wire.Limits

	mu         sync.Mutex
	err        error
	events     int
	eventBytes int
	traceLines int
	packets    int
	packetSize int
	over       map[string]uint64
	lost       map[string]uint64
	left       map[string]bool // what there was more of than could be read
}

// NewSink makes a sink whose limits have their defaults filled in.
func NewSink(send func(wire.Kind, any) error, limits wire.Limits) *Sink {
	for _, limit := range []struct {
		value    *int
		standard int
	}{
		{&limits.Events, defaultEvents},
		{&limits.EventBytes, defaultEventBytes},
		{&limits.TraceLines, defaultTraceLines},
		{&limits.LogBytes, defaultLogBytes},
		{&limits.Entries, defaultEntries},
	} {
		if *limit.value <= 0 {
			*limit.value = limit.standard
		}
	}
	return &Sink{
		send: send, limits: limits,
		over: make(map[string]uint64), lost: make(map[string]uint64), left: make(map[string]bool),
	}
}

// Limits gives the limits that hold.
func (s *Sink) Limits() wire.Limits { return s.limits }

// Send sends one frame. After a failure everything is dropped; Err has it.
func (s *Sink) Send(kind wire.Kind, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked(kind, v)
}

func (s *Sink) locked(kind wire.Kind, v any) {
	if s.err == nil {
		s.err = s.send(kind, v)
	}
}

// Err is the first error of sending.
func (s *Sink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// event sends a record, or counts it if it is beyond the limit.
func (s *Sink) event(e wire.Event) (within bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events >= s.limits.Events || s.eventBytes+len(e.Data) > s.limits.EventBytes {
		s.over["events"]++
		return false
	}
	s.events++
	s.eventBytes += len(e.Data)
	s.locked(wire.KindEvent, e)
	return true
}

func (s *Sink) trace(t wire.Trace) (within bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.traceLines >= s.limits.TraceLines {
		s.over["trace lines"]++
		return false
	}
	s.traceLines++
	s.locked(wire.KindTrace, t)
	return true
}

// packet sends a frame. Packets beyond the limit are lost, but do not end the
// run as beyond its limits: a program is not to blame for traffic.
func (s *Sink) packet(p wire.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packets >= maxPackets || s.packetSize+len(p.Bytes) > maxPacketBytes {
		s.lost["packets on "+p.Where]++
		return
	}
	s.packets++
	s.packetSize += len(p.Bytes)
	s.locked(wire.KindPacket, p)
}

// AddLost counts records for which a buffer had no room.
func (s *Sink) AddLost(where string, count uint64) {
	if count == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost[where] += count
}

// unread notes that there was more of something, after the scene, than could
// be read in drainTime.
func (s *Sink) unread(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[what] = true
}

// chunk is the most of a text that goes into one frame: its encoding may be
// six times as long.
const chunk = 2 << 20

// Log sends a text in as many frames as it takes. It does not bound it.
func (s *Sink) Log(l wire.Log) {
	text := l.Text
	for len(text) > chunk {
		part := l
		part.Text, part.More, part.Truncated = text[:chunk], true, false
		s.Send(wire.KindLog, part)
		text = text[chunk:]
	}
	l.Text = text
	s.Send(wire.KindLog, l)
}

// SendLost reports what was lost, and what was left, in order of the names.
func (s *Sink) SendLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, where := range slices.Sorted(maps.Keys(s.lost)) {
		s.locked(wire.KindLost, wire.Lost{Map: where, Count: s.lost[where]})
	}
	for _, what := range slices.Sorted(maps.Keys(s.left)) {
		text := fmt.Sprintf("reading %s ended %v after the scene, while more came; those are not shown", what, drainTime)
		s.locked(wire.KindLog, wire.Log{From: "loader", Text: text})
	}
}

// Over says in a sentence what went beyond the limits, or is empty.
func (s *Sink) Over() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(s.over)), " and ")
}
