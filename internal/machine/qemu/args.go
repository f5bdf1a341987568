package qemu

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skep-dev/skep/internal/machine"
)

// Descriptors that the QEMU process inherits.
const (
	fdMonitor = 3 + iota
	fdChannel
	fdConsole
	fdRAM
	fdState // incoming only
)

// A device is one part of a machine: the arguments that make it.
type device interface{ args() []string }

type flag []string

func (f flag) args() []string { return f }

// microvm is the machine type without legacy devices, with its memory in an
// object of its own that can be shared with a file.
type microvm struct {
	accel, cpu string
	shared     bool // memory is written through to the file: only to be saved
}

// firmware is what QEMU brings for microvm. Debian 12 boots it by itself, Debian
// 13 boots SeaBIOS, which fails us twice. It lets the interrupt controller of
// old, which neither it nor a kernel that was told of reduced hardware sets up,
// interrupt the processor: the timer's first interrupt then has vector 0, which
// the kernel takes for a division by zero. And it keeps ACPI's tables at the end
// of memory, where the end of the initramfs overwrites them.
const firmware = "qboot.rom"

func (m microvm) args() []string {
	share := "off"
	if m.shared {
		share = "on"
	}
	mib := strconv.Itoa(machine.Memory >> 20)
	return []string{
		"-M", "microvm,memory-backend=ram", "-bios", firmware, "-accel", m.accel, "-cpu", m.cpu, "-smp", "1", "-m", mib,
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%sM,mem-path=/proc/self/fd/%d,share=%s", mib, fdRAM, share),
	}
}

// socket is a character device on a connected socket that QEMU inherits.
type socket struct {
	id string
	fd int
}

func (s socket) args() []string {
	return []string{"-chardev", fmt.Sprintf("socket,id=%s,fd=%d", s.id, s.fd)}
}

// linux is a kernel to boot.
type linux struct {
	image   machine.Image
	command string
}

func (l linux) args() []string {
	return []string{"-kernel", jailKernel, "-initrd", jailInitramfs, "-append", l.command}
}

// base are the devices that a booted and a restored machine must have alike.
func base(accel, cpu string, shared bool) []device {
	return []device{
		// QEMU does not call TCG a security border, so beside the jail
		// around it, it gives up what system calls it can.
		flag{"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"},
		flag{"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"},
		microvm{accel: accel, cpu: cpu, shared: shared},
		socket{"monitor", fdMonitor},
		flag{"-mon", "chardev=monitor,mode=control"},
		socket{"console", fdConsole},
		flag{"-serial", "chardev:console"},
		socket{"channel", fdChannel},
		flag{"-device", "virtio-serial-device", "-device", "virtserialport,chardev=channel,name=skep"},
	}
}

func flatten(devices []device) []string {
	var args []string
	for _, d := range devices {
		args = append(args, d.args()...)
	}
	return args
}

// spared is what a machine of 128 MiB that lives for seconds does without, and
// what each clone would otherwise spend its first moments on.
var spared = []string{
	"damon_stat.enabled=0",       // samples memory for ever (Linux 6.17 and later)
	"psi=0",                      // pressure statistics at every switch
	"init_on_alloc=0",            // all memory is the machine's own
	"transparent_hugepage=never", // zeroes 2 MiB where 4 KiB are used
	"norandmaps",                 // same addresses: translated code is found again
}

// kernelCommand is the kernel's command line. khz is the host's time stamp
// counter rate: without it and no_timer_check a guest under TCG sometimes
// calibrates its delay loop for ever.
func kernelCommand(khz int, verbose bool) string {
	words := []string{
		"console=ttyS0", "panic=-1", "reboot=t", "no_timer_check", "tsc=reliable",
		"rcupdate.rcu_expedited=1", "mitigations=off",
	}
	words = append(words, spared...)
	if khz > 0 {
		words = append(words, "tsc_early_khz="+strconv.Itoa(khz))
	}
	if !verbose {
		words = append(words, "quiet")
	}
	return strings.Join(words, " ")
}
