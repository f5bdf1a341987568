package qemu

import "syscall"

// sysProcAttr ties the jail's end to ours: bubblewrap dies with the thread
// that started it, and what it holds dies with bubblewrap. The process group
// of its own keeps a terminal's Ctrl-C for us, who then clean up.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
