package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"golang.org/x/sys/unix"
)

// vm is one QEMU process in its jail.
type vm struct {
	net.Conn // the channel
	monitor  *monitor
	console  *console
	command  *exec.Cmd
	stderr   *console
	sockets  []*net.UnixConn
	ram      *os.File // of a booted machine, which can be saved

	closeOnce sync.Once
	exited    chan struct{}
	exitErr   error
}

// link is one socket pair: ours, and the file that QEMU inherits.
type link struct {
	ours   *net.UnixConn
	theirs *os.File
}

func newLink(name string) (link, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return link{}, fmt.Errorf("make the %s socket: %w", name, err)
	}
	file := os.NewFile(uintptr(pair[0]), name)
	defer file.Close() // FileConn duplicates it
	conn, err := net.FileConn(file)
	if err != nil {
		_ = unix.Close(pair[1])
		return link{}, fmt.Errorf("make the %s socket: %w", name, err)
	}
	return link{conn.(*net.UnixConn), os.NewFile(uintptr(pair[1]), name)}, nil
}

// start runs command with the three sockets and the given files from fdRAM
// on, and waits for the monitor.
func start(ctx context.Context, words []string, files ...*os.File) (_ *vm, err error) {
	v := &vm{exited: make(chan struct{})}
	inherited := make([]*os.File, 0, 3+len(files))
	defer func() {
		for _, f := range inherited {
			_ = f.Close()
		}
		if err != nil {
			_ = v.Close()
		}
	}()
	for _, name := range []string{"monitor", "channel", "console"} {
		l, err := newLink(name)
		if err != nil {
			close(v.exited)
			return nil, err
		}
		v.sockets = append(v.sockets, l.ours)
		inherited = append(inherited, l.theirs)
	}
	v.Conn = v.sockets[1]
	v.console = newConsole(v.sockets[2])
	v.stderr = &console{}
	v.command = newCommand(words)
	v.command.ExtraFiles = append(append([]*os.File{}, inherited...), files...)
	v.command.Stderr = v.stderr
	if err := v.command.Start(); err != nil {
		close(v.exited)
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	go func() {
		v.exitErr = v.command.Wait()
		close(v.exited)
	}()
	if v.monitor, err = newMonitor(ctx, v.sockets[0]); err != nil {
		return nil, v.explain(err)
	}
	return v, nil
}

// explain adds what QEMU or bubblewrap wrote to an error that may come from
// its early end.
func (v *vm) explain(err error) error {
	select {
	case <-v.exited:
	case <-time.After(100 * time.Millisecond): // it may be about to exit
	}
	if text := strings.TrimSpace(v.stderr.String()); text != "" {
		return fmt.Errorf("%w (%s)", err, text)
	}
	return err
}

func (v *vm) Resume(ctx context.Context) error { return v.monitor.execute(ctx, "cont", nil, nil) }

func (v *vm) Pause(ctx context.Context) error { return v.monitor.execute(ctx, "stop", nil, nil) }

// Console is what the kernel wrote, and then what QEMU and its jail complained
// about.
func (v *vm) Console() string { return v.console.String() + v.stderr.String() }

func (v *vm) PID() int { return v.command.Process.Pid }

// Save writes the device state and copies the memory.
func (v *vm) Save(ctx context.Context, ram, state *os.File) error {
	if v.ram == nil {
		return errors.New("save a machine that is a clone itself")
	}
	if err := v.monitor.ignoreShared(ctx); err != nil {
		return err
	}
	if err := v.monitor.sendFile(ctx, "state", state); err != nil {
		return err
	}
	if err := v.monitor.execute(ctx, "migrate", map[string]any{"uri": "fd:state"}, nil); err != nil {
		return err
	}
	if err := v.monitor.waitMigrated(ctx); err != nil {
		return v.explain(err)
	}
	if err := machine.CopySparse(ram, v.ram, machine.Memory); err != nil {
		return fmt.Errorf("save the memory: %w", err)
	}
	return nil
}

// Close kills QEMU and waits for it, so that nothing of it outlives the call.
func (v *vm) Close() error {
	v.closeOnce.Do(func() {
		if v.command != nil && v.command.Process != nil {
			_ = v.command.Process.Kill() // and with it its process name space
		}
		<-v.exited // and all who had its standard error
		if v.console != nil && v.command.Process != nil {
			<-v.console.done // read to its end
		}
		for _, s := range v.sockets {
			_ = s.Close()
		}
		if v.console != nil {
			<-v.console.done
		}
		if v.ram != nil {
			_ = v.ram.Close()
		}
	})
	return nil
}
