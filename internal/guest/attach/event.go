//go:build linux

package attach

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// period is how long the processor works between two runs of a perf_event
// program, in nanoseconds.
const period = 1_000_000

// perfEvent attaches to the software clock of the first processor, which
// every machine has.
func perfEvent(r Request) ([]Attached, error) {
	attr := &unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Size: uint32(binary.Size(unix.PerfEventAttr{})), Sample: period,
	}
	fd, err := unix.PerfEventOpen(attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the processor's clock event: %w", err)
	}
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: r.Program, Attach: ebpf.AttachPerfEvent})
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("attach to the processor's clock event: %w", err)
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		return nil, fmt.Errorf("start the processor's clock event: %w", err)
	}
	return []Attached{{
		To: "software clock, each ms of work of processor 0", How: "perf event",
		Detach: func() error {
			_ = unix.Close(fd)
			return l.Close()
		},
	}}, nil
}

// contextBytes is how large a context syscall programs get: all zero. The
// kernel refuses one that is smaller than what the program reads.
const contextBytes = 4096

// syscallProgram runs SEC("syscall") programs, once, as nothing else would.
func syscallProgram(r Request) ([]Attached, error) {
	result, err := r.Program.Run(&ebpf.RunOptions{Context: make([]byte, contextBytes)})
	if err != nil {
		return nil, fmt.Errorf("run the program: %w", err)
	}
	return []Attached{{To: "itself", How: fmt.Sprintf("ran once, returned %d", int32(result))}}, nil
}

// lirc programs decode infrared remote controls.
func lirc(r Request) ([]Attached, error) {
	return nil, cannot(r, "the machine has no infrared receiver to attach a lirc_mode2 program to")
}
