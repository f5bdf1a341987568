package compile

import "golang.org/x/sys/unix"

const archAudit = unix.AUDIT_ARCH_X86_64

var archDeniedCalls = []uintptr{unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_IOPL, unix.SYS_IOPERM}
