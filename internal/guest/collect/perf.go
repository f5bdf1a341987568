//go:build linux

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// A perfReader reads the buffers of a perf event array, one for each
// processor. The library's reader hears of losses from the record that follows
// them only, and so not of the last ones; this one asks the kernel.
type perfReader struct {
	buffers []*perfBuffer
	polled  []unix.PollFd // those of buffers, then wake
	wake    int           // an eventfd
	ending  atomic.Bool
	next    int // the buffer whose turn it is
}

type perfBuffer struct {
	cpu    uint32
	fd     int
	memory []byte // page, then ring
	page   *unix.PerfEventMmapPage
	ring   []byte
	record []byte
	// counts says that the kernel counts losses (Linux 6.0 and later);
	// before, noted is the sum of what records say.
	counts bool
	noted  uint64
}

// Values of enum perf_event_type, include/uapi/linux/perf_event.h. The header
// of each record is its type (u32), flags (u16) and size (u16).
const (
	perfLost   = 2 // id (u64), count (u64)
	perfSample = 9 // length (u32), data
	perfHeader = 8
)

func newPerfReader(m *ebpf.Map, size int) (*perfReader, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	r := &perfReader{wake: wake}
	cpus, err := ebpf.PossibleCPU()
	for cpu := 0; err == nil && cpu < min(cpus, int(m.MaxEntries())); cpu++ {
		var b *perfBuffer
		b, err = newPerfBuffer(cpu, size)
		if errors.Is(err, unix.ENODEV) { // a processor that is off
			err = nil
			continue
		}
		if err != nil {
			break
		}
		r.buffers = append(r.buffers, b)
		r.polled = append(r.polled, unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN})
		err = m.Put(uint32(cpu), uint32(b.fd))
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	r.polled = append(r.polled, unix.PollFd{Fd: int32(wake), Events: unix.POLLIN})
	return r, nil
}

func newPerfBuffer(cpu, size int) (*perfBuffer, error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_BPF_OUTPUT,
		Sample_type: unix.PERF_SAMPLE_RAW, Read_format: unix.PERF_FORMAT_LOST,
		Bits: unix.PerfBitWatermark, Wakeup: 1, // wake for every byte
		Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
	}
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if errors.Is(err, unix.EINVAL) {
		attr.Read_format = 0
		fd, err = unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	}
	if err != nil {
		return nil, fmt.Errorf("open the buffer of processor %d: %w", cpu, err)
	}
	memory, err := unix.Mmap(fd, 0, unix.Getpagesize()+size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("map the buffer of processor %d: %w", cpu, err)
	}
	return &perfBuffer{
		cpu: uint32(cpu), fd: fd, counts: attr.Read_format != 0,
		memory: memory, ring: memory[unix.Getpagesize():],
		page: (*unix.PerfEventMmapPage)(unsafe.Pointer(unsafe.SliceData(memory))),
	}, nil
}

// read implements reader.
func (r *perfReader) read() ([]byte, uint32, error) {
	for {
		// Asked before the buffers: what came before the end is not missed.
		ending := r.ending.Load()
		for range r.buffers {
			b := r.buffers[r.next]
			r.next = (r.next + 1) % len(r.buffers)
			if data, ok := b.sample(); ok {
				return data, b.cpu, nil
			}
		}
		if ending {
			return nil, 0, ringbuf.ErrFlushed
		}
		if _, err := unix.Poll(r.polled, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, 0, err
		}
	}
}

// sample gives the next record of a program, until the next call.
func (b *perfBuffer) sample() ([]byte, bool) {
	tail := b.page.Data_tail // which only we change
	head := atomic.LoadUint64(&b.page.Data_head)
	for head-tail >= perfHeader {
		order := binary.NativeEndian
		b.record = b.at(b.record[:0], tail, perfHeader)
		size := uint64(order.Uint16(b.record[6:]))
		if size < perfHeader || size > head-tail { // this cannot be
			size = head - tail
		}
		b.record = b.at(b.record[:0], tail, size)
		tail += size
		atomic.StoreUint64(&b.page.Data_tail, tail)
		switch body := b.record[perfHeader:]; order.Uint32(b.record) {
		case perfSample:
			if len(body) >= 4 {
				length := min(int(order.Uint32(body)), len(body)-4)
				return body[4 : 4+length], true
			}
		case perfLost:
			if len(body) >= 16 {
				b.noted += order.Uint64(body[8:])
			}
		}
	}
	return nil, false
}

// at appends a part of the ring, which may go on at its beginning.
func (b *perfBuffer) at(to []byte, position, size uint64) []byte {
	start := position % uint64(len(b.ring))
	to = append(to, b.ring[start:min(start+size, uint64(len(b.ring)))]...)
	return append(to, b.ring[:size-uint64(len(to))]...)
}

// lost implements reader.
func (r *perfReader) lost() uint64 {
	var sum uint64
	for _, b := range r.buffers {
		count := b.noted
		// struct read_format: value, lost.
		values := make([]byte, 16)
		if n, err := unix.Read(b.fd, values); b.counts && err == nil && n == len(values) {
			count = binary.NativeEndian.Uint64(values[8:])
		}
		sum += count
	}
	return sum
}

// Flush implements reader.
func (r *perfReader) Flush() error {
	r.ending.Store(true)
	_, err := unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// Close implements reader.
func (r *perfReader) Close() error {
	for _, b := range r.buffers {
		_ = unix.Munmap(b.memory)
		_ = unix.Close(b.fd)
	}
	r.buffers = slices.Clip(r.buffers[:0])
	return unix.Close(r.wake)
}
