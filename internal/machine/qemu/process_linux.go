package qemu

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
)

// sysProcAttr makes bubblewrap the first process of a process name space of
// its own, so that the kernel ends all that it has started together with it,
// at any moment. bubblewrap's --die-with-parent alone does not do that: until
// the processes inside have asked for it, which takes milliseconds, they
// survive it. Newer versions look themselves up in /proc, which shows another
// name space then, so with them those milliseconds remain.
//
// bubblewrap itself is tied to the thread that starts it. The process group of
// its own keeps a terminal's Ctrl-C for us, who then clean up.
func sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if readsProc() {
		return attr
	}
	uid, gid := os.Getuid(), os.Getgid()
	attr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	return attr
}

// readsProc tells whether this is a bubblewrap that must find itself in /proc:
// 0.8 does not, those of Debian 13 (0.11 and 0.12) do.
var readsProc = sync.OnceValue(func() bool {
	output, err := exec.Command("bwrap", "--version").Output()
	if err != nil {
		return false // the start will say what is wrong
	}
	match := bwrapVersion.FindSubmatch(output)
	if match == nil {
		return true
	}
	minor, err := strconv.Atoi(string(match[2]))
	return err != nil || string(match[1]) != "0" || minor >= 9
})

var bwrapVersion = regexp.MustCompile(`(\d+)\.(\d+)`)
