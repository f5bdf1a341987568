package compile

import "golang.org/x/sys/unix"

const archAudit = unix.AUDIT_ARCH_AARCH64

var archDeniedCalls []uintptr
