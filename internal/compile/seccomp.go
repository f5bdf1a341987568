package compile

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// seccomp return values and the layout of what a filter reads: linux/seccomp.h, struct
// seccomp_data.
const (
	seccompAllow = 0x7fff0000
	seccompErrno = 0x00050000
	seccompKill  = 0x80000000

	seccompOffsetNumber = 0
	seccompOffsetArch   = 4
	seccompOffsetArg0   = 16
)

// deniedCalls are those that a compiler has no use for and that reach much of the kernel or other
// processes. The namespaces already keep it away from files and the network; this is the second
// wall. New processes are denied here and not by RLIMIT_NPROC, which counts the user's
// processes outside of the jail too and does not bind root.
var deniedCalls = append([]uintptr{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP,
	unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_OPEN, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_FSOPEN,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_SECCOMP,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_ACCT, unix.SYS_QUOTACTL,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET,
}, archDeniedCalls...)

// seccompFilter assembles the filter that bubblewrap installs: struct sock_filter after struct
// sock_filter in this machine's byte order.
func seccompFilter() []byte {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	give := func(value uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: value}
	}
	// Each test skips the return that follows it when it does not hold.
	equal := func(value uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: 1}
	}
	denied := give(seccompErrno | uint32(unix.EPERM))

	filter := []unix.SockFilter{
		load(seccompOffsetArch),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: archAudit, Jt: 1},
		give(seccompKill),
		load(seccompOffsetNumber),
		// Numbers with this bit are x86's x32 calls, which would get past the list.
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 0x40000000, Jf: 1},
		give(seccompKill),
	}
	for _, number := range deniedCalls {
		filter = append(filter, equal(uint32(number)), denied)
	}
	filter = append(
		filter,
		// clone3 has its flags behind a pointer, where a filter cannot look; without it the C
		// library falls back to clone. clang makes threads for deep recursion.
		equal(unix.SYS_CLONE3), give(seccompErrno|uint32(unix.ENOSYS)),
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 3},
		load(seccompOffsetArg0),
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_THREAD, Jt: 1},
		denied,
		give(seccompAllow),
	)
	var out bytes.Buffer
	_ = binary.Write(&out, binary.NativeEndian, filter)
	return out.Bytes()
}
