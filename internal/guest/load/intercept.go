//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mark is the value of kern_version by which intercept knows the program that
// it is to amend. Kernels since 5.0 ignore the field (6c4fc209fcf9).
const mark = 0x70656b73

// Offsets in union bpf_attr for BPF_PROG_LOAD, include/uapi/linux/bpf.h.
const (
	attrInsnCnt            = 4
	attrInsns              = 8
	attrLogLevel           = 24
	attrLogSize            = 28
	attrLogBuf             = 32
	attrKernVersion        = 40
	attrExpectedAttachType = 68
	attrLogTrueSize        = 140
	attrMin                = 72
	attrMax                = 4096
)

// notification and response are struct seccomp_notif and seccomp_notif_resp,
// include/uapi/linux/seccomp.h.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

const responseContinue = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE

// seen is what the amended load came to.
type seen struct {
	log       string
	truncated bool
	errno     unix.Errno
}

// intercept runs load on a thread of its own, whose program loads are handed
// to us before they reach the kernel: seccomp's user notification on our own
// thread. The marked one is amended and made by us, all others go on as they
// are. The thread ends with the call, as its filter cannot be taken off.
func intercept(a amendment, load func()) (seen, error) {
	listener := make(chan int, 1)
	failed := make(chan error, 1)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return seen{}, fmt.Errorf("prepare to amend a program load: %w", err)
	}
	defer unix.Close(pipe[0])
	go func() {
		// Never unlocked: the thread is not to be used again.
		runtime.LockOSThread()
		defer unix.Close(pipe[1])
		fd, err := filterProgramLoads()
		if err != nil {
			failed <- err
			return
		}
		listener <- fd
		load()
	}()
	select {
	case err := <-failed:
		return seen{}, err
	case fd := <-listener:
		defer unix.Close(fd)
		return supervise(fd, pipe[0], a)
	}
}

// filterProgramLoads puts a filter on the calling thread and returns the file
// descriptor at which bpf(BPF_PROG_LOAD) calls arrive.
func filterProgramLoads() (int, error) {
	const (
		dataNr   = 0  // offsetof(struct seccomp_data, nr)
		dataArg0 = 16 // low half of args[0] on little-endian machines
	)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: dataNr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: unix.SYS_BPF},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: dataArg0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.BPF_PROG_LOAD},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, fmt.Errorf("prepare to amend a program load: %w", err)
	}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return -1, fmt.Errorf("amend a program load: seccomp: %w", errno)
	}
	return int(fd), nil
}

// supervise answers notifications until the loading thread has closed its end
// of the pipe.
func supervise(listener, done int, a amendment) (seen, error) {
	var result seen
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(done), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return result, fmt.Errorf("amend a program load: poll: %w", err)
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			if fds[1].Revents != 0 {
				return result, nil
			}
			continue
		}
		var n notification
		if errno := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errno != 0 {
			continue // the call was interrupted and comes again
		}
		r := response{id: n.id, flags: responseContinue}
		fd := -1
		if attr, ok := readMarked(&n); ok {
			fd, result = loadAmended(attr, a)
			r = response{id: n.id, val: int64(fd)}
			if fd < 0 {
				r = response{id: n.id, errno: -int32(result.errno)}
			}
		}
		if errno := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)); errno != 0 && fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// readMarked copies the attributes of the call, if it is the marked one.
func readMarked(n *notification) ([]byte, bool) {
	size := n.args[2]
	if size < attrMin || size > attrMax {
		return nil, false
	}
	attr := make([]byte, size)
	if err := readOwn(attr, uintptr(n.args[1])); err != nil {
		return nil, false
	}
	return attr, native.Uint32(attr[attrKernVersion:]) == mark
}

// loadAmended makes the system call. The pointers of attr that are not
// replaced stay valid: their owner waits for our answer.
func loadAmended(attr []byte, a amendment) (int, seen) {
	count := native.Uint32(attr[attrInsnCnt:])
	instructions := make([]byte, 8*int(min(count, maxInstructions)))
	if err := readOwn(instructions, uintptr(native.Uint64(attr[attrInsns:]))); err != nil {
		return -1, seen{errno: unix.EFAULT}
	}
	if a.addressSpaceCasts {
		restoreCasts(instructions)
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	pointer := func(b []byte) uint64 {
		pinner.Pin(&b[0])
		return uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	if len(instructions) > 0 {
		native.PutUint64(attr[attrInsns:], pointer(instructions))
	}
	log := make([]byte, a.logBytes)
	native.PutUint32(attr[attrLogLevel:], a.logLevel)
	native.PutUint32(attr[attrLogSize:], uint32(len(log)))
	native.PutUint64(attr[attrLogBuf:], pointer(log))
	if a.attachType != 0 {
		native.PutUint32(attr[attrExpectedAttachType:], a.attachType)
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
	result := seen{log: text(log), errno: errno}
	result.truncated = errno == unix.ENOSPC
	if errno != 0 {
		return -1, result
	}
	return int(fd), result
}

// text gives the bytes before the first zero as a string, without a copy: a
// log may be a large part of the machine's memory.
func text(log []byte) string {
	end := bytes.IndexByte(log, 0)
	if end < 0 {
		end = len(log)
	}
	return unsafe.String(unsafe.SliceData(log), end)
}

// maxInstructions is BPF_COMPLEXITY_LIMIT_INSNS, the most that the kernel
// takes.
const maxInstructions = 1_000_000

func ioctl(fd int, request uint, argument unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(argument))
	return errno
}
