package compile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a command in its jail. Whoever starts one kills it, or waits for its end.
type process struct {
	cmd    *exec.Cmd
	limits Limits
	stdin  *os.File // our end, nil if it reads nothing
	// exited is closed when it has ended, and all that it had started.
	exited chan struct{}
	waited error // of cmd.Wait
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

// run starts the command and waits for its end. An error means that the jail could not be made;
// whatever the process inside did is in the outcome.
func (j *jail) run(ctx context.Context, c command) (*outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.Wall, errWallClock)
	defer cancel()
	if ctx.Err() != nil {
		return &outcome{stopped: context.Cause(ctx)}, nil
	}
	stdout := &boundedBuffer{limit: c.limits.Object, full: errObjectSize}
	stderr := &boundedBuffer{limit: c.limits.Text}
	p, err := j.start(c, stdout, stderr)
	if err != nil {
		return nil, err
	}
	return p.wait(ctx, stdout, stderr)
}

// wait waits for the end of a process, and ends it if ctx does.
func (p *process) wait(ctx context.Context, stdout, stderr *boundedBuffer) (*outcome, error) {
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.kill()
		<-p.exited
	}
	return p.conclude(ctx, stdout.Bytes(), stderr.Bytes())
}

// conclude tells what became of a process that has ended.
func (p *process) conclude(ctx context.Context, stdout, stderr []byte) (*outcome, error) {
	out := &outcome{stdout: stdout, stderr: stderr, exit: p.cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case errors.Is(p.waited, errObjectSize):
		out.stopped = errObjectSize
	case ctx.Err() != nil && p.waited != nil:
		out.stopped = context.Cause(ctx)
	case bytes.HasPrefix(stderr, []byte("bwrap: ")), bytes.HasPrefix(stderr, []byte("unshare: ")):
		return nil, fmt.Errorf("%w: %s", ErrNoJail, bytes.TrimSpace(stderr))
	case p.waited != nil && !errors.As(p.waited, &exit):
		return nil, fmt.Errorf("wait for the compiler: %w", p.waited)
	}
	return out, nil
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// start starts a command. bubblewrap waits for its arguments until its limits are set; everything in the jail
// inherits them.
func (j *jail) start(c command, stdout, stderr io.Writer) (_ *process, err error) {
	p := &process{limits: c.limits, exited: make(chan struct{})}
	var extra inherited
	defer extra.close()
	args, err := j.arguments(c, &extra)
	if err != nil {
		return nil, fmt.Errorf("prepare the compiler's jail: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("prepare the compiler's jail: %w", err)
	}
	defer write.Close()
	words := []string{"--mount-proc", "--", j.bwrap, "--args", strconv.Itoa(extra.add(read)), "--", c.path}
	p.cmd = exec.Command(j.unshare, append(words, c.args...)...)
	p.cmd.Env = []string{}
	p.cmd.Dir = "/"
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	p.cmd.ExtraFiles = extra.files
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = sysProcAttr()
	if c.asked {
		theirs, ours, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("prepare the compiler's jail: %w", err)
		}
		defer theirs.Close()
		p.cmd.Stdin, p.stdin = theirs, ours
	}
	if err := j.launch(p); err != nil {
		return nil, err
	}
	if err = p.limits.set(p.cmd.Process.Pid); err == nil { // one write, into an empty pipe that has room for it
		_, err = io.WriteString(write, strings.Join(args, "\x00")+"\x00")
	}
	if err != nil {
		p.kill()
		<-p.exited
		return nil, fmt.Errorf("%w: %w", ErrNoJail, err)
	}
	return p, nil
}

// sysProcAttr makes bubblewrap the first process of a process name space, which is that of the jail, too: the
// kernel ends all others in it together with it, at any moment. --die-with-parent alone does not do that: what
// bubblewrap starts asks for it only after it has waited for bubblewrap, and waits for ever if that was killed
// meanwhile.
//
// bubblewrap itself is tied to the thread that starts it. The process group of its own keeps a
// terminal's Ctrl-C for us, who then clean up.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:     true,
		Pdeathsig:   syscall.SIGKILL,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

// launch starts a process on a thread that stays with it: the kernel kills bubblewrap when the thread that
// started it ends, so that must not be lent to a goroutine that may end it.
func (j *jail) launch(p *process) error {
	started := make(chan error)
	j.running.Add(1)
	go func() {
		defer j.running.Done()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.waited = p.cmd.Wait()
		}
		if p.stdin != nil {
			_ = p.stdin.Close()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%w: start %s: %w", ErrNoJail, j.bwrap, err)
	}
	return nil
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
