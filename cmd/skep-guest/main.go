// Command skep-guest is the first process of a machine.
package main

import (
	"fmt"
	"os"

	"github.com/skep-dev/skep/internal/guest/boot"
	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "skep-guest is the first process of a skep machine; it does nothing elsewhere")
		os.Exit(2)
	}
	port, err := boot.Up()
	if err == nil {
		err = boot.Serve(port, nil)
	}
	// The console is all that is left to say it on.
	fmt.Fprintf(os.Stderr, "skep-guest: %v\n", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
