// Command skep-guest is the first process of a machine.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/internal/guest"
	"github.com/skep-dev/skep/internal/guest/boot"
	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "skep-guest is the first process of a skep machine; it does nothing elsewhere")
		os.Exit(2)
	}
	port, err := boot.Up()
	if err == nil {
		err = boot.Serve(port, newRunner())
	}
	// The console is all that is left to say it on.
	fmt.Fprintf(os.Stderr, "skep-guest: %v\n", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// runner runs objects with what this machine has.
type runner struct{ env guest.Env }

func newRunner() runner {
	return runner{guest.Env{
		Types:         btf.NewCache(), // one for the process: parsing takes 200 ms
		Interface:     boot.NearLink,
		Peer:          boot.FarLink,
		PeerNamespace: boot.PeerNetns,
	}}
}

// Run implements boot.Runner.
func (r runner) Run(ctx context.Context, run wire.Run, object []byte, send func(wire.Kind, any) error) wire.End {
	return guest.Run(ctx, run, object, send, r.env)
}
