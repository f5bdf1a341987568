// Command skep runs eBPF programs in throw-away machines and shows what the
// kernel saw.
package main

import (
	"os"

	"github.com/skep-dev/skep/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
