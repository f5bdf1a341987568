package run

import (
	"sync"
	"time"
)

// stream numbers and times events.
type stream struct {
	mu    sync.Mutex
	began time.Time
	seq   int
	label string
	sink  func(Event)
}

func newStream(label string, sink func(Event)) *stream {
	return &stream{began: time.Now(), label: label, sink: sink}
}

func (s *stream) seconds() float64 { return time.Since(s.began).Seconds() }

func (s *stream) emit(body Body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.sink(Event{Seq: s.seq, At: s.seconds(), Kernel: s.label, Body: body})
}

// stage emits the beginning of a stage of the host's; the returned function
// emits its end.
func (s *stream) stage(name string) (done func(note string)) {
	began := time.Now()
	s.emit(Stage{Name: name, State: "begin"})
	return func(note string) {
		s.emit(Stage{Name: name, State: "end", Seconds: time.Since(began).Seconds(), Note: note})
	}
}
