// Package cli is skep's command line: one file for each command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

// grammar is the command line, as kong reads it.
type grammar struct {
	Run    runCommand    `cmd:"" help:"Run a program in a machine and show what the kernel saw."`
	Verify verifyCommand `cmd:"" help:"Load programs without running them: a row for each, as the verifier sees it."`
	Kernel kernelCommand `cmd:"" help:"List, fetch and remove kernels."`
	Header headerCommand `cmd:"" help:"Print kernel types as C."`
	Setup  setupCommand  `cmd:"" help:"Fetch the default kernels and prepare a machine of each."`
	Doctor doctorCommand `cmd:"" help:"Check that everything that skep needs is there and works."`
}

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// exitError ends a command with a code and, if it has one, a message.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

// usageError is for what the user can mend on the command line.
func usageError(format string, args ...any) error {
	return &exitError{run.ExitUsage, fmt.Sprintf(format, args...)}
}

// Main runs the command line and returns the exit code: 0 fine, 1 the
// program's fault, 2 usage, 3 ours.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var g grammar
	exited := -1
	parser, err := kong.New(&g,
		kong.Name("skep"),
		kong.Description("Write eBPF, run it in a throw-away machine with a stock kernel, see what the kernel saw."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&terminal{in, out, errOut}),
	)
	if err != nil {
		fmt.Fprintln(errOut, "skep:", err)
		return run.ExitOurs
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(errOut, "skep: %v\nSee 'skep --help'.\n", err)
		return run.ExitUsage
	}
	return exitCode(command.Run(), errOut)
}

// exitCode prints what a command failed with and tells whose fault it is.
func exitCode(err error, errOut io.Writer) int {
	if err == nil {
		return run.ExitFine
	}
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.message != "" {
			fmt.Fprintln(errOut, "skep:", exit.message)
		}
		return exit.code
	}
	fmt.Fprintln(errOut, "skep:", err)
	for _, usage := range []error{source.ErrSource, kernel.ErrNotFound} {
		if errors.Is(err, usage) {
			return run.ExitUsage
		}
	}
	return run.ExitOurs
}
