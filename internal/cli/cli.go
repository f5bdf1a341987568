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
	"time"

	"github.com/alecthomas/kong"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
	"golang.org/x/term"
)

// grammar is the command line, as kong reads it.
type grammar struct {
	Run    runCommand    `cmd:"" help:"Run a program in a machine and show what the kernel saw."`
	Check  checkCommand  `cmd:"" help:"Find errors in a program without running it: at once, then with the compiler."`
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

// program reads a program from a file, or from the terminal if path is "-".
// Reading may take for ever, and nothing can call it off: when ctx ends before,
// it is left behind, to end with the process.
func (t *terminal) program(ctx context.Context, path string) (p source.Program, err error) {
	done := make(chan struct{})
	var read source.Program
	var readErr error
	go func() {
		defer close(done)
		if path == "-" {
			read, readErr = source.Read("stdin.bpf.c", t.in)
		} else {
			read, readErr = source.ReadFile(path)
		}
	}()
	select {
	case <-done:
		return read, readErr
	case <-ctx.Done():
		return source.Program{}, ctx.Err()
	}
}

// reader is who reads the output. When they leave, as head does when it has
// seen enough, what is under way is ended.
type reader struct {
	w    io.Writer
	gone func()
	left bool
}

func (r *reader) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	if err != nil && !r.left {
		r.left = true
		r.gone()
	}
	return n, err
}

// isTerminal tells whether a person reads.
func isTerminal(w io.Writer) bool {
	if r, ok := w.(*reader); ok {
		w = r.w
	}
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
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

// patience is how long after a signal a Ctrl-C is taken for the same one. A later
// one ends the process at once, and with it all that it has started: what is
// under way may wait for something that never comes.
const patience = time.Second

// Main runs the command line and returns the exit code: 0 fine, 1 the
// program's fault, 2 usage, 3 ours.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(patience, func() { signal.Reset(os.Interrupt) }) })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A broken pipe is an error like others, so that a run cleans up behind
	// itself; without this the Go runtime ends the process at once.
	signal.Ignore(syscall.SIGPIPE)
	output := &reader{w: out, gone: cancel}
	var g grammar
	exited := -1
	parser, err := kong.New(&g,
		kong.Name("skep"),
		kong.Description("Write eBPF, run it in a throw-away machine with a stock kernel, see what the kernel saw."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&terminal{in, output, errOut}),
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
	err = command.Run()
	if output.left {
		return run.ExitOurs // nobody is there who would want to read more
	}
	return exitCode(err, errOut)
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
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(errOut, "skep: cancelled")
		return run.ExitOurs
	}
	fmt.Fprintln(errOut, "skep:", err)
	for _, usage := range []error{source.ErrSource, kernel.ErrNotFound, kernel.ErrName} {
		if errors.Is(err, usage) {
			return run.ExitUsage
		}
	}
	return run.ExitOurs
}
