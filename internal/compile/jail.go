package compile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
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

// jail runs a compiler that sees no network, no other process and no file but those it is given.
type jail struct {
	bwrap   string
	seccomp []byte
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
	files  map[string][]byte
	limits Limits
}

// outcome is what a process in the jail left behind.
type outcome struct {
	stdout []byte
	// stderr holds at most Limits.Text bytes.
	stderr []byte
	// exit is the exit status; 128 and a signal's number if one ended the process.
	exit int
	// stopped says why we ended the process: errWallClock, errObjectSize, the context's error.
	stopped error
}

var (
	errWallClock  = errors.New("time on the clock is up")
	errObjectSize = errors.New("output is too large")
)

func newJail() (*jail, error) {
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, fmt.Errorf("%w: install bubblewrap (Debian: apt-get install bubblewrap): %w", ErrNoJail, err)
	}
	if err := userNamespaces(); err != nil {
		return nil, err
	}
	return &jail{bwrap: bwrap, seccomp: seccompFilter()}, nil
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
func (j *jail) arguments(c command, extra *inherited) ([]string, error) {
	args := []string{
		"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
		"--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session",
		"--uid", "65534", "--gid", "65534", "--hostname", "skep", "--cap-drop", "ALL", "--clearenv",
		"--dir", jailWork,
	}
	for _, e := range c.env {
		args = append(args, "--setenv", e[0], e[1])
	}
	for _, m := range c.mounts {
		args = append(args, "--ro-bind", m.source, m.target)
	}
	for path, data := range c.files {
		fd, err := extra.memory(data)
		if err != nil {
			return nil, err
		}
		args = append(args, "--ro-bind-data", strconv.Itoa(fd), path)
	}
	filter, err := extra.memory(j.seccomp)
	if err != nil {
		return nil, err
	}
	args = append(args, "--seccomp", strconv.Itoa(filter), "--chdir", jailWork, "--remount-ro", "/")
	return args, nil
}

// run starts the command and waits for its end. An error means that the jail could not be made;
// whatever the process inside did is in the outcome.
func (j *jail) run(ctx context.Context, c command) (*outcome, error) {
	// The kernel kills bubblewrap when the thread that started it ends (PR_SET_PDEATHSIG), so
	// that thread must not be lent to a goroutine that may end it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.Wall, errWallClock)
	defer cancel()

	var extra inherited
	defer extra.close()
	args, err := j.arguments(c, &extra)
	if err != nil {
		return nil, fmt.Errorf("prepare the compiler's jail: %w", err)
	}
	gate, err := newGate(&extra)
	if err != nil {
		return nil, fmt.Errorf("prepare the compiler's jail: %w", err)
	}
	defer gate.close()
	args = append(args, gate.arguments()...)
	args = append(append(args, "--", c.path), c.args...)

	stdout := &boundedBuffer{limit: c.limits.Object, full: errObjectSize}
	stderr := &boundedBuffer{limit: c.limits.Text}
	cmd := exec.CommandContext(ctx, j.bwrap, args...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.ExtraFiles = extra.files
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	if err != nil && ctx.Err() != nil {
		return &outcome{stopped: context.Cause(ctx)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: start %s: %w", ErrNoJail, j.bwrap, err)
	}
	extra.close()
	opened := gate.open(c.limits)
	if opened != nil {
		_ = cmd.Process.Kill()
	}
	waited := cmd.Wait()
	return conclude(ctx, cmd, opened, waited, stdout, stderr)
}

func conclude(ctx context.Context, cmd *exec.Cmd, opened, waited error, stdout, stderr *boundedBuffer) (*outcome, error) {
	out := &outcome{stdout: stdout.Bytes(), stderr: stderr.Bytes(), exit: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case errors.Is(waited, errObjectSize):
		out.stopped = errObjectSize
	case ctx.Err() != nil && waited != nil:
		out.stopped = context.Cause(ctx)
	case bytes.HasPrefix(stderr.Bytes(), []byte("bwrap: ")):
		return nil, fmt.Errorf("%w: %s", ErrNoJail, bytes.TrimSpace(stderr.Bytes()))
	case opened != nil:
		return nil, fmt.Errorf("%w: %w", ErrNoJail, opened)
	case waited != nil && !errors.As(waited, &exit):
		return nil, fmt.Errorf("wait for the compiler: %w", waited)
	}
	return out, nil
}

// largestFile has room for any source that Limits could sensibly allow.
const largestFile = 64 << 20

// gate holds the jail shut until the limits of the process that is about to run in it are set:
// bubblewrap says its process's id, then waits for a byte before it starts the command.
type gate struct {
	pid, release     *os.File // our ends
	pidFD, releaseFD int      // bubblewrap's ends
}

func newGate(extra *inherited) (*gate, error) {
	pid, pidWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	releaseRead, release, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, pid.Close(), pidWrite.Close())
	}
	return &gate{pid: pid, release: release, pidFD: extra.add(pidWrite), releaseFD: extra.add(releaseRead)}, nil
}

func (g *gate) arguments() []string {
	return []string{"--info-fd", strconv.Itoa(g.pidFD), "--block-fd", strconv.Itoa(g.releaseFD)}
}

// open sets the limits and lets the process go. After an error the process has to be killed before
// close: bubblewrap takes the end of the pipe for permission to go on.
func (g *gate) open(l Limits) error {
	var info struct {
		Pid int `json:"child-pid"`
	}
	if err := json.NewDecoder(io.LimitReader(g.pid, 4096)).Decode(&info); err != nil {
		return fmt.Errorf("bubblewrap did not say its process's id: %w", err)
	}
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	limits := []struct {
		resource  int
		soft, max uint64
	}{
		// SIGXCPU at the soft limit lets LLVM print where it is; the hard limit kills.
		{unix.RLIMIT_CPU, seconds, seconds + 1},
		{unix.RLIMIT_AS, uint64(l.Memory), uint64(l.Memory)},
		// Nothing in the jail can be written, but bubblewrap may still be copying the source.
		{unix.RLIMIT_FSIZE, largestFile, largestFile},
		{unix.RLIMIT_NOFILE, 64, 64},
		{unix.RLIMIT_CORE, 0, 0},
	}
	for _, r := range limits {
		if err := unix.Prlimit(info.Pid, r.resource, &unix.Rlimit{Cur: r.soft, Max: r.max}, nil); err != nil {
			return fmt.Errorf("set limit %d of the compiler: %w", r.resource, err)
		}
	}
	_, err := g.release.Write([]byte{0})
	return err
}

func (g *gate) close() {
	_ = g.pid.Close()
	_ = g.release.Close()
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

// boundedBuffer keeps the first limit bytes. What is over it fails the write with full, or is
// dropped if full is nil.
type boundedBuffer struct {
	bytes.Buffer
	limit int
	full  error
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	room := b.limit - b.Len()
	if len(p) <= room {
		return b.Buffer.Write(p)
	}
	b.Buffer.Write(p[:max(room, 0)])
	if b.full != nil {
		return 0, b.full
	}
	return len(p), nil
}

// ReadFrom is hidden: io.Copy would fill the buffer past its limit.
func (b *boundedBuffer) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}
