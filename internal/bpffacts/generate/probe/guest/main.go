// Command guest is the first process of a machine whose kernel is asked which
// functions programs may call.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
	"github.com/skep-dev/skep/internal/guest/boot"
	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "this is the first process of a machine; it does nothing elsewhere")
		os.Exit(2)
	}
	debug.SetMemoryLimit(16 << 20)
	port, err := boot.Up()
	if err == nil {
		err = boot.Serve(port, asker{})
	}
	fmt.Fprintf(os.Stderr, "probe: %v\n", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// eventsName is what the log with the tracepoints is about.
const eventsName = "events"

func tell(send func(wire.Kind, any) error, about string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return send(wire.KindLog, wire.Log{From: "loader", Program: about, Text: string(text)})
}

// asker implements boot.Runner. An answer travels as the text of a log.
type asker struct{}

func (asker) Run(ctx context.Context, _ wire.Run, object []byte, send func(wire.Kind, any) error) wire.End {
	var job probe.Job
	if err := json.Unmarshal(object, &job); err != nil {
		return wire.End{State: wire.StateBadObject, Message: err.Error()}
	}
	events, err := probe.Events()
	if err == nil {
		err = tell(send, eventsName, events)
	}
	if err != nil {
		return wire.End{State: wire.StateOurFault, Message: err.Error()}
	}
	for _, hook := range job.Hooks {
		if ctx.Err() != nil {
			return wire.End{State: wire.StateCancelled, Message: "the run was cancelled"}
		}
		if err := tell(send, hook.Name, hook.Ask(job)); err != nil {
			return wire.End{State: wire.StateOurFault, Message: err.Error()}
		}
	}
	return wire.End{State: wire.StateDone}
}
