//go:build linux

// Package progfacts asks the kernel for the few figures of a loaded program
// that a run reports. The library's Program.Info also looks for what is in
// /proc only, which under emulation is a tenth of a whole run's code.
package progfacts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Facts are fields of struct bpf_prog_info (include/uapi/linux/bpf.h). A
// kernel that lacks one leaves it 0.
type Facts struct {
	JITed           uint32 // bytes of machine code
	Verified        uint32 // instructions that the verifier went through, since Linux 5.16
	Runs            uint64
	Nanoseconds     uint64 // of all runs
	RecursionMisses uint64
}

// Where the fields are in the structure, and its length up to the last.
const (
	atJITed           = 16
	atNanoseconds     = 192
	atRuns            = 200
	atRecursionMisses = 208
	atVerified        = 216
	size              = 224
)

// infoAttr is what BPF_OBJ_GET_INFO_BY_FD takes of union bpf_attr.
type infoAttr struct {
	fd, length uint32
	info       uint64
}

// Of asks for a program's figures.
func Of(program *ebpf.Program) (Facts, error) {
	// In 8-byte words, as the kernel wants it aligned.
	info := new([size / 8]uint64)
	var pin runtime.Pinner // the kernel gets its address as a number
	pin.Pin(info)
	defer pin.Unpin()
	attr := infoAttr{fd: uint32(program.FD()), length: size, info: uint64(uintptr(unsafe.Pointer(info)))}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_OBJ_GET_INFO_BY_FD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(program)
	if errno != 0 {
		return Facts{}, fmt.Errorf("ask for a program's figures: %w", errno)
	}
	if attr.length < atVerified {
		return Facts{}, errors.New("ask for a program's figures: the kernel is older than Linux 5.12")
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(info)), size)
	order := binary.NativeEndian
	return Facts{
		JITed:           order.Uint32(b[atJITed:]),
		Verified:        order.Uint32(b[atVerified:]),
		Runs:            order.Uint64(b[atRuns:]),
		Nanoseconds:     order.Uint64(b[atNanoseconds:]),
		RecursionMisses: order.Uint64(b[atRecursionMisses:]),
	}, nil
}
