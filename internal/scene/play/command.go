package play

import (
	"errors"
	"fmt"
	"os/exec"
	"sort"
	"strings"
	"syscall"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

var (
	_ = perform("run", run)
	_ = perform("start", start)
	_ = perform("wait", wait)
)

const commandPath = "/bin:/sbin:/usr/bin:/usr/sbin"

// A command is a started program. Its output goes to memory files, which the
// actor looks at through mappings: pipes would need reads that a program which
// traces the actor would see.
type command struct {
	pid, pidfd  int
	out, errors int
}

func run(c *call, args *plan.Run, r *plan.Result) error {
	command, err := c.launch(&args.Command)
	if err != nil {
		return err
	}
	return c.finish(command, r)
}

func start(c *call, args *plan.Start, r *plan.Result) error {
	if c.started(args.As) != nil {
		return fmt.Errorf("a started command named %q has not been waited for", args.As)
	}
	command, err := c.launch(&args.Command)
	if err != nil {
		return err
	}
	r.PID = command.pid
	c.mu.Lock()
	c.commands[args.As] = command
	c.mu.Unlock()
	return nil
}

func wait(c *call, args *plan.Wait, r *plan.Result) error {
	command := c.started(args.Command)
	if command == nil {
		return fmt.Errorf("this actor has started no command named %q", args.Command)
	}
	c.mu.Lock()
	delete(c.commands, args.Command)
	c.mu.Unlock()
	return c.finish(command, r)
}

func (a *actor) started(name string) *command {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.commands[name]
}

// launch executes a program.
func (a *actor) launch(args *plan.Command) (*command, error) {
	path := args.Argv[0]
	if !strings.Contains(path, "/") {
		found, err := exec.LookPath(path)
		if err != nil {
			return nil, fmt.Errorf("%s is not in %s: %w", path, commandPath, unix.ENOENT)
		}
		path = found
	}
	who, err := resolveUser(args.User, args.UID, args.GID)
	if err != nil {
		return nil, err
	}
	files, err := commandFiles(args.Stdin)
	if err != nil {
		return nil, err
	}
	defer unix.Close(files[0])
	argv := append([]string(nil), args.Argv...)
	if args.Arg0 != nil {
		argv[0] = *args.Arg0
	}
	started := &command{pidfd: -1, out: files[1], errors: files[2]}
	attributes := &syscall.ProcAttr{
		Dir: args.Dir, Env: environment(args.Env, who),
		Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])},
		// A group of its own, so that a timeout kills what it started too.
		Sys: &syscall.SysProcAttr{Setpgid: true, PidFD: &started.pidfd, Credential: credential(who)},
	}
	started.pid, err = syscall.ForkExec(path, argv, attributes)
	if err != nil {
		unix.Close(files[1])
		unix.Close(files[2])
		return nil, err
	}
	return started, nil
}

func credential(who *user) *syscall.Credential {
	if who == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(who.UID), Gid: uint32(who.GID), NoSetGroups: unix.Geteuid() != 0}
}

func environment(extra map[string]string, who *user) []string {
	all := map[string]string{"PATH": commandPath, "HOME": "/"}
	if who != nil && who.Home != "" {
		all["HOME"] = who.Home
	}
	for key, value := range extra {
		all[key] = value
	}
	list := make([]string, 0, len(all))
	for key, value := range all {
		list = append(list, key+"="+value)
	}
	sort.Strings(list)
	return list
}

// commandFiles makes standard input, output and error.
func commandFiles(stdin string) (files [3]int, err error) {
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		if i == 0 && stdin == "" {
			files[i], err = openFile("/dev/null", unix.O_RDONLY, 0)
		} else {
			files[i], err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		}
		if err == nil && i == 0 && stdin != "" {
			err = fill(files[i], stdin)
		}
		if err != nil {
			for _, fd := range files[:i] {
				unix.Close(fd)
			}
			return files, fmt.Errorf("make the command's %s: %w", name, err)
		}
	}
	return files, nil
}

// fill puts text into a memory file without a write call.
func fill(fd int, text string) error {
	if err := unix.Ftruncate(fd, int64(len(text))); err != nil {
		return err
	}
	memory, err := unix.Mmap(fd, 0, len(text), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(memory, text)
	return unix.Munmap(memory)
}

// look returns what a memory file holds, up to the limit, without a read call.
func look(fd, limit int) (data []byte, size int) {
	var s unix.Stat_t
	if unix.Fstat(fd, &s) != nil || s.Size == 0 {
		return nil, 0
	}
	memory, err := unix.Mmap(fd, 0, int(s.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, int(s.Size)
	}
	defer func() { _ = unix.Munmap(memory) }()
	return append([]byte(nil), memory[:min(limit, len(memory))]...), int(s.Size)
}

// finish waits for a command and says what it saw.
func (c *call) finish(command *command, r *plan.Result) error {
	defer unix.Close(command.pidfd)
	defer unix.Close(command.out)
	defer unix.Close(command.errors)
	r.PID = command.pid
	timeout := poll(command.pidfd, unix.POLLIN, c.left())
	if timeout != nil {
		_ = unix.Kill(-command.pid, unix.SIGKILL)
	}
	var status unix.WaitStatus
	_, err := retry(func() (int, error) { return unix.Wait4(command.pid, &status, 0, nil) })
	size := 0
	r.Bytes, r.Count = look(command.out, plan.MaxOutput)
	r.Stderr, size = look(command.errors, plan.MaxOutput)
	r.Truncated = r.Count > plan.MaxOutput || size > plan.MaxOutput
	switch {
	case err != nil:
		return fmt.Errorf("wait for the command: %w", err)
	case status.Exited():
		code := status.ExitStatus()
		r.Exit = &code
	case status.Signaled():
		r.Signal = unix.SignalName(status.Signal())
	}
	if errors.Is(timeout, errTimeout) {
		return fmt.Errorf("%w: the command and its process group were killed", errTimeout)
	}
	return timeout
}
