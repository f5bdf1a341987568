package qemu

import (
	"os"
	"syscall"
)

// sysProcAttr makes the jail's command the first process of a process name
// space of its own, so that the kernel ends all that it has started together
// with it, at any moment. bubblewrap's --die-with-parent alone does not do that:
// until the processes inside have asked for it, which takes milliseconds, they
// survive it. In its user name space the command may mount, so it can have the
// /proc of that process name space.
//
// The command itself is tied to the thread that starts it. The process group of
// its own keeps a terminal's Ctrl-C for us, who then clean up.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:     true,
		Pdeathsig:   syscall.SIGKILL,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}
