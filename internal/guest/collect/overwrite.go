//go:build linux

package collect

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/wire"
)

// overwrites is BPF_F_RB_OVERWRITE (include/uapi/linux/bpf.h, newer than 6.12):
// a ring buffer whose newest records take the place of the oldest ones, and
// which nobody consumes.
const overwrites = 1 << 19

// An overwriteReader reads such a ring buffer once, at the end: whoever read it
// before would find the same records again, or parts of others.
type overwriteReader struct {
	name   string
	sink   *Sink
	memory []byte // the producer's page, then the ring twice
	mask   uint64
	at     uint64
	flush  chan struct{}
	begun  bool
}

// Positions in the producer's page, struct bpf_ringbuf in kernel/bpf/ringbuf.c,
// and the header of a record.
const (
	producerAt   = 0
	overwriteAt  = 16
	ringHeader   = 8
	ringBusy     = 1 << 31
	ringDiscards = 1 << 30
)

func newOverwriteReader(name string, m *ebpf.Map, sink *Sink) (*overwriteReader, error) {
	page, size := unix.Getpagesize(), int(m.MaxEntries())
	// The first page is the consumer's.
	memory, err := unix.Mmap(m.FD(), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &overwriteReader{
		name: name, sink: sink, memory: memory, mask: uint64(size - 1), flush: make(chan struct{}),
	}, nil
}

func (r *overwriteReader) position(at int) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.memory[at])))
}

// read implements reader.
func (r *overwriteReader) read() ([]byte, uint32, error) {
	if !r.begun {
		<-r.flush
		r.begun = true
		if r.at = r.position(overwriteAt); r.at > 0 {
			text := fmt.Sprintf("ring buffer %s overwrites its oldest records: what it held at the end is shown, %d bytes of older ones are gone", r.name, r.at)
			r.sink.Log(wire.Log{From: "loader", Text: text})
		}
	}
	ring := r.memory[unix.Getpagesize():]
	for {
		if r.position(producerAt)-r.at < ringHeader {
			return nil, 0, ringbuf.ErrFlushed
		}
		start := r.at & r.mask
		word := atomic.LoadUint32((*uint32)(unsafe.Pointer(&ring[start])))
		length := uint64(word &^ (ringBusy | ringDiscards))
		whole := length <= r.mask
		var data []byte
		if whole {
			data = append(data, ring[start+ringHeader:start+ringHeader+length]...)
		}
		next := r.at + (ringHeader+length+7)&^7
		if oldest := r.position(overwriteAt); oldest > r.at { // meanwhile
			r.at = oldest
			continue
		}
		if word&ringBusy != 0 || !whole {
			return nil, 0, ringbuf.ErrFlushed
		}
		r.at = next
		if word&ringDiscards == 0 {
			return data, noCPU, nil
		}
	}
}

// lost implements reader.
func (r *overwriteReader) lost() uint64 { return 0 }

// Flush implements reader.
func (r *overwriteReader) Flush() error {
	select {
	case <-r.flush:
	default:
		close(r.flush)
	}
	return nil
}

// Close implements reader.
func (r *overwriteReader) Close() error { return unix.Munmap(r.memory) }
