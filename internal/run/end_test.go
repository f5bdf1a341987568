package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/wire"
)

func TestExitCode(t *testing.T) {
	for state, want := range map[State]int{
		Done: 0, CompileError: 1, BadObject: 1, MapFailed: 1, Rejected: 1, CannotAttach: 1, Unsupported: 1,
		WorkloadFailed: 1, GuestDied: 1, OutOfMemory: 1, TimedOut: 1, OutputLimit: 1,
		NoCapacity: 3, Cancelled: 3, OurFault: 3,
	} {
		if got := state.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d", state, got, want)
		}
	}
}

// The guest may say how the run ended; what does not exist is not believed.
func TestGuestEnd(t *testing.T) {
	for name, want := range map[string]State{
		wire.StateDone: Done, wire.StateBadObject: BadObject, wire.StateMapFailed: MapFailed, wire.StateRejected: Rejected,
		wire.StateCannotAttach: CannotAttach, wire.StateUnsupported: Unsupported, wire.StateWorkloadFailed: WorkloadFailed,
		wire.StateOutOfMemory: OutOfMemory, wire.StateTimedOut: TimedOut, wire.StateOutputLimit: OutputLimit,
		wire.StateCancelled: Cancelled, wire.StateOurFault: OurFault,
		"": GuestDied, "DONE": GuestDied, "compile error": GuestDied, "no capacity": GuestDied, "guest died": GuestDied,
	} {
		sent := wire.End{State: name, Message: "why", Program: "p", Errno: "EINVAL", Feature: "f", Since: "6.6"}
		got := guestEnd(sent)
		if got.State != want {
			t.Errorf("%q: %s, want %s", name, got.State, want)
		}
		if want != GuestDied && got != (End{State: want, Message: "why", Program: "p", Errno: "EINVAL", Feature: "f", Since: "6.6"}) {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestDeathOf(t *testing.T) {
	tests := []struct {
		name, console string
		state         State
		text          string
	}{
		{"nothing", "", GuestDied, "the machine went away without a word"},
		{"noise", "[ 1.0] something else\n", GuestDied, "the machine went away without a word"},
		{
			"panic", "[ 9.4] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\r\n[ 9.5] CPU: 0\n",
			GuestDied, "the kernel panicked: Attempted to kill init! exitcode=0x00000009; what",
		},
		{
			"sysrq", "[ 9.4] sysrq: Trigger a crash\n[ 9.4] Kernel panic - not syncing: sysrq triggered crash\n",
			GuestDied, "somebody in the machine asked for it through sysrq-trigger",
		},
		{"deadlock on memory", "Kernel panic - not syncing: System is deadlocked on memory\n", OutOfMemory, "ran out of memory"},
		{"guest killed", "Out of memory: Killed process 1 (skep-guest) total-vm:1kB\n", OutOfMemory, "ran out of memory"},
		{"another killed", "Out of memory: Killed process 17 (tail) total-vm:1kB\n", GuestDied, "without a word"},
		{"guest gave up", "skep-guest: mount /proc: no\n", OurFault, "the guest gave up: mount /proc: no"},
		{"power off", "[ 3.1] reboot: Power down\n", GuestDied, "shut down from inside"},
		{"restart", "[ 3.1] reboot: Restarting system\n", GuestDied, "shut down from inside"},
		{"expansion", "Kernel panic - not syncing: $1 ${1} $$\n", GuestDied, "the kernel panicked: $1 ${1} $$; what"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			end := deathOf(test.console)
			if end.State != test.state || !strings.Contains(end.Message, test.text) {
				t.Errorf("%s: %s, want %s: …%s…", end.State, end.Message, test.state, test.text)
			}
		})
	}
}

func TestEndOf(t *testing.T) {
	late, cancel := context.WithTimeoutCause(t.Context(), time.Nanosecond, errDeadline)
	defer cancel()
	<-late.Done()
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	signalled, interrupt := context.WithCancelCause(t.Context()) // as signal.NotifyContext does it
	interrupt(errors.New("terminated signal received"))
	tests := []struct {
		name  string
		ctx   context.Context
		err   error
		state State
	}{
		{"our deadline", late, context.DeadlineExceeded, TimedOut},
		{"cancelled", cancelled, fmt.Errorf("read: %w", context.Canceled), Cancelled},
		{"cancelled by a signal", signalled, fmt.Errorf("wait for QEMU: %w", context.Cause(signalled)), Cancelled},
		{"failed before a signal", signalled, errors.New("no disk"), OurFault},
		{"another deadline", t.Context(), context.DeadlineExceeded, TimedOut},
		{"anything else", t.Context(), errors.New("no disk"), OurFault},
		{"the machine could not be made", t.Context(), machine.ErrDied, OurFault},
	}
	for _, test := range tests {
		if end := endOf(test.ctx, test.err, "get a machine"); end.State != test.state || end.Message == "" {
			t.Errorf("%s: %+v, want %s", test.name, end, test.state)
		}
	}
}

// A machine's death is told by its console, which is part of the stream.
func TestTranslatorEndOf(t *testing.T) {
	const panicked = "Kernel panic - not syncing: because\n"
	tests := []struct {
		name    string
		err     error
		console string
		state   State
		logs    int
	}{
		{"died with a word", &machine.DiedError{Console: panicked, Cause: errors.New("EOF")}, "", GuestDied, 1},
		{"died without", &machine.DiedError{Cause: errors.New("EOF")}, "", GuestDied, 0},
		{"hung after a panic", errors.New("timeout"), panicked, GuestDied, 1},
		{"talked nonsense", fmt.Errorf("%w: kind 'Q'", wire.ErrFrame), "", GuestDied, 0},
		{"our own", errors.New("no disk"), "", OurFault, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			logs := 0
			tr := &translator{console: func() string { return test.console }}
			tr.stream = newStream("", func(e Event) {
				if _, ok := e.Body.(Log); ok {
					logs++
				}
			})
			if end := tr.endOf(t.Context(), test.err); end.State != test.state || logs != test.logs {
				t.Errorf("%+v and %d logs, want %s and %d", end, logs, test.state, test.logs)
			}
		})
	}
}
