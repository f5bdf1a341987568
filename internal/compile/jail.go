package compile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits bound what one compile may use. The zero value of a field means its default.
type Limits struct {
	// Source is the largest source in bytes. Default 1 MiB.
	Source int
	// CPU is the processor time. Default 10 s.
	CPU time.Duration
	// Wall is the time on the clock. Default 20 s.
	Wall time.Duration
	// Memory is the address space in bytes. Default 1 GiB.
	Memory int64
	// Object is the largest object in bytes. Default 8 MiB.
	Object int
	// Text is how much the compiler may print in bytes; what is over it is dropped. Default 1 MiB.
	Text int
	// Errors is the number of errors after which the compiler gives up. Default 20.
	Errors int
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Source, 1<<20)
	setDefault(&l.CPU, 10*time.Second)
	setDefault(&l.Wall, 20*time.Second)
	setDefault(&l.Memory, 1<<30)
	setDefault(&l.Object, 8<<20)
	setDefault(&l.Text, 1<<20)
	setDefault(&l.Errors, 20)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ErrNoJail is returned when this machine cannot make the jail that the compiler runs in. The
// compiler is never run without it.
var ErrNoJail = errors.New("the compiler's jail cannot be made")

// jail runs compilers that see no network, no other process and no file but those they are given.
type jail struct {
	bwrap   string
	unshare string // gives bubblewrap the /proc of its process name space, in which it looks for itself
	seccomp []byte
	running sync.WaitGroup // every process that was started
}

// mount puts the file or folder source of this machine, read-only, at target in the jail.
type mount struct {
	source, target string
}

// command is one process in a jail.
type command struct {
	path   string
	args   []string
	env    [][2]string
	mounts []mount
	// files are put in the jail from memory, path to content.
	files map[string][]byte
	// asked tells whether it gets its source from standard input. It has a working directory then to which it can
	// write that, in memory; otherwise an empty one.
	asked  bool
	limits Limits
}

func newJail() (*jail, error) {
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, fmt.Errorf("%w: install bubblewrap (Debian: apt-get install bubblewrap): %w", ErrNoJail, err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return nil, fmt.Errorf("%w: install util-linux: %w", ErrNoJail, err)
	}
	if err := userNamespaces(); err != nil {
		return nil, err
	}
	return &jail{bwrap: bwrap, unshare: unshare, seccomp: seccompFilter()}, nil
}

// userNamespaceSwitches are the settings with which administrators and distributions turn user
// namespaces off, and the value that does so.
var userNamespaceSwitches = []struct {
	file, off string
	rootToo   bool
}{
	{"/proc/sys/user/max_user_namespaces", "0", true},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", false},
}

func userNamespaces() error {
	for _, s := range userNamespaceSwitches {
		text, err := os.ReadFile(s.file)
		if err != nil || strings.TrimSpace(string(text)) != s.off {
			continue
		}
		if s.rootToo || os.Geteuid() != 0 {
			return fmt.Errorf("%w: user namespaces are switched off (%s is %s); switch them on with sysctl", ErrNoJail, s.file, s.off)
		}
	}
	return nil
}

// arguments gives bubblewrap's arguments. The numbers of the files it inherits follow from their
// places in extra: the first is 3.
//
// The program comes into the jail last: whatever keeps bubblewrap from reading all of its arguments, it has
// nothing to start then.
func (j *jail) arguments(c command, extra *inherited) ([]string, error) {
	filter, err := extra.memory(j.seccomp)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--unshare-user", "--unshare-net", "--unshare-ipc", "--unshare-uts",
		"--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session",
		"--uid", "65534", "--gid", "65534", "--hostname", "skep", "--cap-drop", "ALL", "--clearenv",
		"--seccomp", strconv.Itoa(filter), "--chdir", jailWork,
	}
	if c.asked {
		args = append(args, "--size", strconv.Itoa(c.limits.Source+scratchMargin), "--tmpfs", jailWork)
	} else {
		args = append(args, "--dir", jailWork)
	}
	for _, e := range c.env {
		args = append(args, "--setenv", e[0], e[1])
	}
	for path, data := range c.files {
		fd, err := extra.memory(data)
		if err != nil {
			return nil, err
		}
		args = append(args, "--ro-bind-data", strconv.Itoa(fd), path)
	}
	for _, m := range slices.Backward(c.mounts) {
		args = append(args, "--ro-bind", m.source, m.target)
	}
	return append(args, "--remount-ro", "/"), nil
}

// scratchMargin is what a file system in memory needs for itself.
const scratchMargin = 64 << 10

// largestFile has room for any source that Limits could sensibly allow.
const largestFile = 64 << 20

// set sets the limits of a process that inherits them to all that it starts.
func (l Limits) set(pid int) error {
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	limits := []struct {
		resource  int
		soft, max uint64
	}{
		// SIGXCPU at the soft limit lets LLVM print where it is; the hard limit kills. Each process has these
		// seconds; a compiler that waited has used a few hundredths of one to get ready.
		{unix.RLIMIT_CPU, seconds, seconds + 1},
		{unix.RLIMIT_AS, uint64(l.Memory), uint64(l.Memory)},
		// What can be written is smaller, but bubblewrap itself copies sources into the jail.
		{unix.RLIMIT_FSIZE, largestFile, largestFile},
		{unix.RLIMIT_NOFILE, 64, 64},
		{unix.RLIMIT_CORE, 0, 0},
	}
	for _, r := range limits {
		if err := unix.Prlimit(pid, r.resource, &unix.Rlimit{Cur: r.soft, Max: r.max}, nil); err != nil {
			return fmt.Errorf("set limit %d of the compiler: %w", r.resource, err)
		}
	}
	return nil
}

// inherited are the files that bubblewrap gets from us beside the standard three.
type inherited struct {
	files []*os.File
}

// add returns the number that the file will have in the child (os/exec.Cmd.ExtraFiles).
func (i *inherited) add(f *os.File) int {
	i.files = append(i.files, f)
	return len(i.files) + 2
}

func (i *inherited) memory(data []byte) (int, error) {
	fd, err := unix.MemfdCreate("skep", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "skep")
	n := i.add(f)
	if _, err := f.Write(data); err != nil {
		return 0, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return n, err
}

func (i *inherited) close() {
	for _, f := range i.files {
		_ = f.Close()
	}
}
