package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

type verifyCommand struct {
	Programs []string `arg:"" help:"C sources or compiled objects."`
	Kernel   string   `short:"k" default:"latest" help:"Kernel: a series such as 6.1, latest, all, a list with commas, or the path of an image."`
	Define   []string `short:"D" placeholder:"NAME[=VALUE]" help:"Define a macro."`
	Log      bool     `help:"Print the verifier's log of every program, also of those that load."`
	JSON     bool     `help:"Print the streams as JSON, one object a line."`
}

// verdict is a row of the table.
type verdict struct {
	file, kernel string
	program      run.Program
	why          string
}

// Run loads every program on every kernel.
func (c *verifyCommand) Run(ctx context.Context, t *terminal) error {
	programs := make([]source.Program, 0, len(c.Programs))
	for _, path := range c.Programs {
		p, err := t.program(ctx, path)
		if err != nil {
			return err
		}
		programs = append(programs, p)
	}
	kernels, err := selectKernels(c.Kernel)
	if err != nil {
		return err
	}
	b, err := newBackend(func(text string) { fmt.Fprintln(t.err, text) })
	if err != nil {
		return err
	}
	defer b.Close()
	v := &verification{command: c, terminal: t, runner: &run.Runner{Compiler: b.compiler, Machines: b}}
	for _, p := range programs {
		v.said = make(diagnosed)
		for _, k := range kernels {
			if ctx.Err() != nil { // what came before is shown
				v.code = run.ExitOurs
				continue
			}
			v.one(ctx, p, k)
		}
	}
	if !c.JSON {
		v.print()
	}
	if v.code != run.ExitFine {
		return &exitError{code: v.code}
	}
	return nil
}

// verification gathers the rows of several programs on several kernels.
type verification struct {
	command  *verifyCommand
	terminal *terminal
	runner   *run.Runner
	rows     []verdict
	logs     []string
	said     diagnosed // of one program
	code     int
}

func (v *verification) one(ctx context.Context, p source.Program, k *kernel.Kernel) {
	request := run.Request{
		Program: p, Kernel: k, LoadOnly: true, VerifierLog: v.command.Log,
		Defines: v.command.Define, Label: k.Series,
	}
	encoder := json.NewEncoder(v.terminal.out)
	encoder.SetEscapeHTML(false)
	printer := newPrinter(v.terminal.out, p)
	failed := false
	end := v.runner.Run(ctx, request, func(e run.Event) {
		if v.command.JSON {
			_ = encoder.Encode(e)
			return
		}
		switch body := e.Body.(type) {
		case run.Diagnostic:
			if v.said.first(body) {
				printer.diagnostic(body, "")
			}
		case run.Program:
			failed = failed || !body.Loaded
			v.rows = append(v.rows, verdict{p.Name, k.Series, body, body.Error})
		case run.Log:
			v.logs = append(v.logs, fmt.Sprintf("== %s, %s, Linux %s\n%s", p.Name, body.Program, k.Series, printableLines(body.Text)))
		}
	})
	if !failed && end.State != run.Done && !v.command.JSON { // no program's row says why
		v.rows = append(v.rows, verdict{file: p.Name, kernel: k.Series, why: fmt.Sprintf("%s: %s", end.State, end.Message)})
	}
	v.code = max(v.code, end.ExitCode())
	if failed {
		v.code = max(v.code, run.ExitProgram)
	}
}

func (v *verification) print() {
	out := safeWriter{w: v.terminal.out}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tPROGRAM\tKERNEL\tVERDICT\tINSNS\tVERIFIED\tSTATES\tJITED\tTIME")
	for _, r := range v.rows {
		if r.program.Name == "" {
			fmt.Fprintf(table, "%s\t-\t%s\tfailure\t-\t-\t-\t-\t-\n", r.file, r.kernel)
			continue
		}
		p := r.program
		word := "success"
		if !p.Loaded {
			word = "failure"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d B\t%s\n",
			r.file, p.Name, r.kernel, word, p.Instructions, p.Verified, totalStates(p.States), p.JITedBytes, milliseconds(p.Seconds))
	}
	_ = table.Flush() // as unwritable as the rest of the output
	for _, r := range v.rows {
		if r.why != "" {
			what := strings.TrimSpace(r.file + " " + r.program.Name)
			fmt.Fprintf(out, "\n%s on %s: %s\n", what, r.kernel, printable(r.why))
		}
	}
	for _, log := range v.logs {
		fmt.Fprintf(out, "\n%s\n", strings.TrimRight(log, "\n"))
	}
}

var statesPattern = regexp.MustCompile(`total_states (\d+)`)

// totalStates takes the number out of the line that the verifier ends its log
// with.
func totalStates(line string) string {
	if match := statesPattern.FindStringSubmatch(line); match != nil {
		return match[1]
	}
	return "-"
}
