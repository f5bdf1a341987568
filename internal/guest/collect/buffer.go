//go:build linux

package collect

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/wire"
)

const (
	// perfBytes is the size of a perf buffer, for each processor.
	perfBytes = 256 << 10
	// noCPU stands for the processor of records that do not say it.
	noCPU = ^uint32(0)
	// drainTime bounds how long buffers are read after the scene has ended:
	// a program that floods them never empties them.
	drainTime = 300 * time.Millisecond
	// restEvery and rest slow down the reading of a buffer whose records are
	// only counted any more, so that the rest of the run gets the processor.
	restEvery = 256
	rest      = 2 * time.Millisecond
)

// Buffers reads ring buffers and perf event arrays until it is drained.
type Buffers struct {
	sink     *Sink
	readers  []reader
	names    []string // of their maps
	done     sync.WaitGroup
	deadline atomic.Int64 // when to stop at the latest, in unix nanoseconds; 0 is never
}

// A reader is a ring buffer or a perf event array.
type reader interface {
	// read gives the next record, until the next call, and after Flush, when
	// there is none left, ringbuf.ErrFlushed.
	read() (data []byte, cpu uint32, err error)
	// lost tells how many records had no room, as far as the kernel knows.
	lost() uint64
	Flush() error
	// Close is for when nobody reads any more.
	Close() error
}

// NewBuffers makes a collector that sends to sink.
func NewBuffers(sink *Sink) *Buffers { return &Buffers{sink: sink} }

// Add starts reading a map, if it is of a kind that is read. index is the
// map's number in the order of the map frames.
func (b *Buffers) Add(index int, spec *ebpf.MapSpec, m *ebpf.Map) error {
	var r reader
	switch {
	case spec.Type == ebpf.RingBuf && spec.Flags&overwrites != 0:
		ring, err := newOverwriteReader(spec.Name, m, b.sink)
		if err != nil {
			return fmt.Errorf("read ring buffer %s: %w", spec.Name, err)
		}
		r = ring
	case spec.Type == ebpf.RingBuf:
		ring, err := ringbuf.NewReader(m)
		if err != nil {
			return fmt.Errorf("read ring buffer %s: %w", spec.Name, err)
		}
		r = &ringReader{Reader: ring}
	case spec.Type == ebpf.PerfEventArray:
		events, err := newPerfReader(m, perfBytes)
		if err != nil {
			return fmt.Errorf("read perf event array %s: %w", spec.Name, err)
		}
		r = events
	default:
		return nil
	}
	b.readers = append(b.readers, r)
	b.names = append(b.names, spec.Name)
	b.done.Go(func() { b.read(index, spec.Name, r) })
	return nil
}

func (b *Buffers) read(index int, name string, r reader) {
	over := 0
	for {
		data, cpu, err := r.read()
		if err != nil { // as a rule ringbuf.ErrFlushed
			return
		}
		if deadline := b.deadline.Load(); deadline != 0 && time.Now().UnixNano() > deadline {
			if over == 0 { // else it is said that there are too many
				b.sink.unread("records in " + name)
			}
			return
		}
		event := wire.Event{Map: uint32(index), CPU: cpu, Nano: monotonic(), Data: data}
		if !b.sink.event(event) {
			if over++; over%restEvery == 0 {
				time.Sleep(rest)
			}
		}
	}
}

// Drain reads what the buffers hold and ends.
func (b *Buffers) Drain() {
	b.stop()
	for i, r := range b.readers {
		b.sink.AddLost(b.names[i], r.lost())
	}
}

func (b *Buffers) stop() {
	b.deadline.Store(time.Now().Add(drainTime).UnixNano())
	for _, r := range b.readers {
		_ = r.Flush()
	}
	b.done.Wait()
}

// Close frees the readers. Not needed in a machine that is thrown away.
func (b *Buffers) Close() {
	b.stop()
	for _, r := range b.readers {
		_ = r.Close()
	}
}

type ringReader struct {
	*ringbuf.Reader
	record ringbuf.Record
}

func (r *ringReader) read() ([]byte, uint32, error) {
	err := r.ReadInto(&r.record)
	return r.record.RawSample, noCPU, err
}

// lost is 0: nobody but the programs knows. See load.Loader.Refused.
func (r *ringReader) lost() uint64 { return 0 }

func monotonic() uint64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return uint64(t.Nano())
}
