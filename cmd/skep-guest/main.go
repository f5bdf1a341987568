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
	"github.com/skep-dev/skep/internal/guest/collect"
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
		Types:     btf.NewCache(), // one for the process: parsing takes 200 ms
		Interface: boot.NearLink,
		Play: func(p plan.Plan) (guest.Player, error) {
			return stage.Play(p, play.Options{Spares: r.spares})
		},
	}
	var err error
	r.env.Packets, err = collect.OpenPackets(
		collect.End{Interface: boot.NearLink},
		collect.End{Interface: boot.FarLink, Namespace: boot.PeerNetns},
	)
	if err != nil { // runs do without
		fmt.Fprintf(os.Stderr, "skep-guest: %v\n", err)
	}
	return r
}

// spareActors is how many actors are started ahead. Starting one takes as long
// as all the rest of a run, and most scenes have one: there is one for the last
// warming run before the snapshot, one for that of a pool, one for the user's.
const spareActors = 3

// Run implements boot.Runner.
func (r *runner) Run(ctx context.Context, run wire.Run, object []byte, send func(wire.Kind, any) error) wire.End {
	end := guest.Run(ctx, run, object, send, r.env)
	if run.Quiet { // another run will follow
		r.prepareActors(ctx)
	}
	return end
}

// prepareActors replaces the actors when warming runs have used them up.
// Without them, scenes only begin later.
func (r *runner) prepareActors(ctx context.Context) {
	if r.spares.Left() > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r.spares, _ = play.Warm(ctx, spareActors)
}
