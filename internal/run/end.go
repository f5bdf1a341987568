package run

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/wire"
)

// guestStates maps what the guest may say to what a run may end in. Anything
// else that a guest says is not believed.
var guestStates = map[string]State{
	wire.StateDone:           Done,
	wire.StateBadObject:      BadObject,
	wire.StateMapFailed:      MapFailed,
	wire.StateRejected:       Rejected,
	wire.StateCannotAttach:   CannotAttach,
	wire.StateUnsupported:    Unsupported,
	wire.StateWorkloadFailed: WorkloadFailed,
	wire.StateOutOfMemory:    OutOfMemory,
	wire.StateTimedOut:       TimedOut,
	wire.StateOutputLimit:    OutputLimit,
	wire.StateCancelled:      Cancelled,
	wire.StateOurFault:       OurFault,
}

// guestEnd is the end of a run that the guest reported itself.
func guestEnd(e wire.End) End {
	state, ok := guestStates[e.State]
	if !ok {
		return End{State: GuestDied, Message: fmt.Sprintf("the guest reported an end that does not exist: %q", e.State)}
	}
	return End{
		State: state, Message: e.Message, Program: e.Program,
		Errno: e.Errno, Feature: e.Feature, Since: e.Since,
	}
}

// endOf is the end of a run that failed on our side of the channel.
func endOf(ctx context.Context, err error, doing string) End {
	switch {
	case errors.Is(context.Cause(ctx), errDeadline):
		return End{State: TimedOut, Message: "the machine did not answer any more and was ended; what was gathered is shown"}
	case errors.Is(ctx.Err(), context.Canceled) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))): // a signal is a cause of its own
		return End{State: Cancelled, Message: "the run was cancelled"}
	case errors.Is(err, context.DeadlineExceeded):
		return End{State: TimedOut, Message: doing + ": it took too long"}
	}
	return End{State: OurFault, Message: fmt.Sprintf("%s: %v", doing, err)}
}

// endOf tells a dead machine's story by its console.
func (t *translator) endOf(ctx context.Context, err error) End {
	var died *machine.DiedError
	console := t.console()
	if errors.As(err, &died) {
		console = died.Console
	}
	switch {
	case died != nil, strings.Contains(console, "Kernel panic"):
		if console != "" {
			t.stream.emit(Log{From: "kernel", Text: console})
		}
		return deathOf(console)
	case errors.Is(err, wire.ErrFrame):
		return End{State: GuestDied, Message: "the guest sent what cannot be understood: " + err.Error()}
	case errors.Is(err, errTooMuch):
		return End{State: OutputLimit, Message: err.Error() + "; what came before is shown"}
	}
	return endOf(ctx, err, "run the program")
}

// deaths are what the last words on a console mean, first match first.
var deaths = []struct {
	pattern *regexp.Regexp
	state   State
	text    string
}{
	{
		regexp.MustCompile(`System is deadlocked on memory|Out of memory and no killable|Attempted to kill init.*\n?.*oom`),
		OutOfMemory, "the machine ran out of memory",
	},
	{
		regexp.MustCompile(`sysrq triggered crash`),
		GuestDied, "the kernel panicked: somebody in the machine asked for it through sysrq-trigger",
	},
	{regexp.MustCompile(`Kernel panic - not syncing: ([^\n\r]+)`), GuestDied, "the kernel panicked: $1"},
	{regexp.MustCompile(`skep-guest: ([^\n\r]+)`), OurFault, "the guest gave up: $1"},
	{regexp.MustCompile(`reboot: (Power down|Restarting system)`), GuestDied, "the machine was shut down from inside"},
}

func deathOf(console string) End {
	if strings.Contains(console, "Out of memory: Killed process 1 ") {
		return End{State: OutOfMemory, Message: "the machine ran out of memory"}
	}
	for _, d := range deaths {
		if match := d.pattern.FindStringSubmatchIndex(console); match != nil {
			text := string(d.pattern.ExpandString(nil, d.text, console, match))
			return End{State: d.state, Message: text + "; what was gathered before is shown"}
		}
	}
	return End{State: GuestDied, Message: "the machine went away without a word; what was gathered before is shown"}
}

// sentence makes an error about a file readable.
func sentence(name string, err error) string {
	return name + ": " + err.Error()
}
