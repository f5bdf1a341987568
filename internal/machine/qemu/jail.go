package qemu

import (
	"fmt"
	"os"
	"os/exec"
)

// Where the jail shows what is not the same on every machine.
const (
	jailKernel    = "/boot/vmlinux"
	jailInitramfs = "/boot/initramfs"
)

// limit is one resource limit of the QEMU process, as prlimit(1) names it.
type limit struct {
	name  string
	value int
}

// limits of the QEMU process. It writes no file but a snapshot's memory, opens
// few, and its address space is guest memory, translation cache and libraries.
var limits = []limit{
	{"core", 0},
	{"fsize", 1 << 30},
	{"nofile", 128},
	{"as", 4 << 30},
}

// jail builds the command that runs QEMU with its own user, process, network,
// mount, IPC and host name spaces, without any capability, seeing the system's
// libraries and firmware and nothing else. Its end is tied to ours.
type jail struct {
	bwrap, prlimit, unshare, qemu string
	kvm                           bool
	binds                         [][2]string // outside, inside; read only
}

// systemFolders hold QEMU, its libraries and its firmware. Those that are not
// there, or are links into /usr, are left out or linked alike.
var systemFolders = []string{"/usr", "/lib", "/lib64", "/bin"}

func (j jail) command(qemuArgs []string) []string {
	// Since 0.11 bubblewrap looks for its child in /proc, which therefore must
	// be that of the process name space in which newCommand starts it.
	command := []string{j.unshare, "--mount-proc", "--", j.prlimit}
	for _, l := range limits {
		command = append(command, fmt.Sprintf("--%s=%d", l.name, l.value))
	}
	command = append(command, j.bwrap,
		"--unshare-all", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL",
		"--die-with-parent", "--new-session", "--clearenv", "--hostname", "machine",
		"--proc", "/proc", "--dev", "/dev", "--dir", "/tmp")
	for _, folder := range systemFolders {
		if target, err := os.Readlink(folder); err == nil {
			command = append(command, "--symlink", target, folder)
		} else if info, err := os.Stat(folder); err == nil && info.IsDir() {
			command = append(command, "--ro-bind", folder, folder)
		}
	}
	if j.kvm {
		command = append(command, "--dev-bind", "/dev/kvm", "/dev/kvm")
	}
	for _, bind := range j.binds {
		command = append(command, "--ro-bind", bind[0], bind[1])
	}
	// What bubblewrap put together is in memory without a limit; nothing in
	// the jail writes files.
	command = append(command, "--remount-ro", "/dev", "--remount-ro", "/")
	command = append(command, "--chdir", "/", "--", j.qemu)
	return append(command, qemuArgs...)
}

// newCommand is a jail's command, ready to start. It has no environment:
// bubblewrap clears that of QEMU, but its own can be read in the jail.
func newCommand(words []string) *exec.Cmd {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = []string{}
	cmd.SysProcAttr = sysProcAttr()
	return cmd
}

func find(name, pkg string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: run 'make setup', or install Debian's package %s", name, pkg)
	}
	return path, nil
}
