//go:build linux

// Package worker keeps the runs of a machine in a child of its first process.
//
// The kernel never kills the first process. When a program's verification or
// its maps use the memory up, a machine whose first process asked for them
// dies as "deadlocked on memory", and all that is left is a panic. A child can
// be killed; then there is room again to say how the run ended.
package worker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/wire"
)

// argument is what the child is started with.
const argument = "worker"

// expendable is the highest oom_score_adj: the child is the first to go.
const expendable = "1000"

// Is says whether this process is the child.
func Is() bool {
	return len(os.Args) == 2 && os.Args[1] == argument && os.Getpid() != 1
}

// Supervise starts the child, reaps what the machine's processes leave
// behind, and returns when the child has died, with what there is to say to
// the host about it.
func Supervise() (wire.End, error) {
	before := oomKills()
	// By its own path, as that is the name under which programs see it.
	self, err := os.Executable()
	if err != nil {
		return wire.End{}, fmt.Errorf("start the worker: %w", err)
	}
	child := exec.Command(self, argument)
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	if err := child.Start(); err != nil {
		return wire.End{}, fmt.Errorf("start the worker: %w", err)
	}
	pid := child.Process.Pid
	adjust := filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj")
	if err := os.WriteFile(adjust, []byte(expendable), 0o644); err != nil {
		return wire.End{}, fmt.Errorf("offer the worker to the kernel's memory killer: %w", err)
	}
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	status, err := reap(pid)
	if err != nil {
		return wire.End{}, err
	}
	return ending(status, oomKills() > before), nil
}

// reap waits for every child, also for those of others that were left to the
// first process, until pid is among them.
func reap(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		dead, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for the worker: %w", err)
		case dead == pid && (status.Exited() || status.Signaled()):
			return status, nil
		}
	}
}

func ending(status unix.WaitStatus, outOfMemory bool) wire.End {
	if status.Signaled() && status.Signal() == unix.SIGKILL && outOfMemory {
		return wire.End{State: wire.StateOutOfMemory, Message: "the machine's memory was used up: by the maps, or by verifying the program"}
	}
	how := fmt.Sprintf("exit status %d", status.ExitStatus())
	if status.Signaled() {
		how = "signal " + unix.SignalName(status.Signal())
	}
	return wire.End{State: wire.StateOurFault, Message: "the part of the machine that runs programs died: " + how}
}

// oomKills counts the processes that the kernel has killed for memory.
func oomKills() int {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(count))
			return n
		}
	}
	return 0
}
