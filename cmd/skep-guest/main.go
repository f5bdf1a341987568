// Command skep-guest is the first process of a machine, and, under another
// name, each actor of a scene in it.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/internal/guest"
	"github.com/skep-dev/skep/internal/guest/boot"
	"github.com/skep-dev/skep/internal/guest/stage"
	"github.com/skep-dev/skep/internal/scene/plan"
	"github.com/skep-dev/skep/internal/scene/play"
	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

func main() {
	play.MaybeActor()
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "skep-guest is the first process of a skep machine; it does nothing elsewhere")
		os.Exit(2)
	}
	debug.SetMemoryLimit(heapLimit)
	port, err := boot.Up()
	if err == nil {
		err = boot.Serve(port, newRunner())
	}
	// The console is all that is left to say it on.
	fmt.Fprintf(os.Stderr, "skep-guest: %v\n", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// heapLimit keeps garbage from piling up: a machine of a newer kernel has no
// more than 20 MB to spare, and its first process cannot be killed for memory,
// so that the machine would die.
const heapLimit = 20 << 20

// runner runs objects with what this machine has.
type runner struct {
	env    guest.Env
	spares *play.Spares
}

func newRunner() *runner {
	r := &runner{}
	r.env = guest.Env{
		Types:         btf.NewCache(), // one for the process: parsing takes 200 ms
		Interface:     boot.NearLink,
		Peer:          boot.FarLink,
		PeerNamespace: boot.PeerNetns,
		Play: func(p plan.Plan) (guest.Player, error) {
			return stage.Play(p, play.Options{Spares: r.spares})
		},
	}
	return r
}

// spareActors is how many actors wait in a warm machine. Most scenes have one
// or two, and starting one takes as long as all the rest of a run.
const spareActors = 2

// Run implements boot.Runner.
func (r *runner) Run(ctx context.Context, run wire.Run, object []byte, send func(wire.Kind, any) error) wire.End {
	end := guest.Run(ctx, run, object, send, r.env)
	if run.Quiet { // another run will follow
		r.prepareActors(ctx)
	}
	return end
}

// prepareActors replaces the actors that a warming run has used up. Without
// them, scenes only begin later.
func (r *runner) prepareActors(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if r.spares != nil {
		r.spares.Close()
	}
	r.spares, _ = play.Warm(ctx, spareActors)
}
