package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/source"
)

type runCommand struct {
	Program string            `arg:"" help:"C source or compiled object; - for standard input."`
	Kernel  string            `short:"k" default:"latest" help:"Kernel: a series such as 6.1, latest, all, a list with commas, or the path of an image."`
	For     time.Duration     `help:"Stay attached this long, such as 2s. Default: until the scene has ended."`
	Scene   string            `placeholder:"FILE" help:"What happens while the program is attached (YAML; see docs/scenes.md). Default: a little of everything."`
	Set     map[string]string `placeholder:"NAME=VALUE" help:"Set a global variable before load; @ACTOR is the process id of one of the scene's processes."`
	Event   map[string]string `placeholder:"MAP=TYPE" help:"Type of a map's records, where the object does not tell; struct=TYPE for every map."`
	Attach  map[string]string `placeholder:"PROGRAM=TARGET" help:"Attach a program elsewhere than its section says."`
	Define  []string          `short:"D" placeholder:"NAME[=VALUE]" help:"Define a macro."`
	Seed    uint64            `help:"Draw the scene's variables from this seed. Default: fresh ones."`
	Log     bool              `help:"Print the verifier's log also of programs that load."`
	JSON    bool              `help:"Print the stream as JSON, one object a line."`
	Timeout time.Duration     `default:"30s" help:"End the run after this long, beside --for."`
}

// Run runs the program on each kernel asked for.
func (c *runCommand) Run(ctx context.Context, t *terminal) error {
	program, err := t.program(c.Program)
	if err != nil {
		return err
	}
	kernels, err := selectKernels(c.Kernel)
	if err != nil {
		return err
	}
	workload, err := c.scene()
	if err != nil {
		return err
	}
	b, err := newBackend(func(text string) { fmt.Fprintln(t.err, text) })
	if err != nil {
		return err
	}
	defer b.Close()
	runner := &run.Runner{Compiler: b.compiler, Machines: b}
	var rows []comparison
	code := run.ExitFine
	for _, k := range kernels {
		request, err := c.request(program, k, workload)
		if err != nil {
			return err
		}
		row := comparison{kernel: k}
		print := c.output(t, program, len(kernels) > 1, &row)
		if len(kernels) > 1 {
			request.Label = k.Series
		}
		end := runner.Run(ctx, request, print)
		row.end = end
		rows = append(rows, row)
		code = max(code, end.ExitCode())
		if ctx.Err() != nil {
			break
		}
	}
	if len(kernels) > 1 && !c.JSON {
		printComparison(t.out, rows)
	}
	if code != run.ExitFine {
		return &exitError{code: code}
	}
	return nil
}

// scene reads the scene, or takes the default one.
func (c *runCommand) scene() (*scene.Scene, error) {
	if c.Scene == "" {
		return scene.Default(), nil
	}
	text, err := os.ReadFile(c.Scene)
	if err != nil {
		return nil, usageError("read the scene: %v", err)
	}
	parsed, err := scene.Parse(text)
	if err != nil {
		return nil, usageError("%s: %v", c.Scene, err)
	}
	return parsed, nil
}

// request draws the scene's variables anew for every run.
func (c *runCommand) request(program source.Program, k *kernel.Kernel, workload *scene.Scene) (run.Request, error) {
	var random io.Reader // nil: not foreseeable
	if c.Seed != 0 {
		random = scene.Seeded(c.Seed)
	}
	plan, _, err := scene.Draw(workload, random)
	if err != nil {
		return run.Request{}, err
	}
	types := make(map[string]string)
	for name, typeName := range c.Event {
		if name == "struct" {
			name = ""
		}
		types[name] = typeName
	}
	return run.Request{
		Program: program, Kernel: k, Scene: plan,
		Set: c.Set, EventTypes: types, AttachTo: c.Attach, Defines: c.Define,
		For: c.For, Deadline: c.For + c.Timeout, VerifierLog: c.Log,
	}, nil
}

// output chooses how the stream is written: as JSON, for people, or, for
// several kernels, only counted.
func (c *runCommand) output(t *terminal, program source.Program, several bool, row *comparison) func(run.Event) {
	switch {
	case c.JSON:
		encoder := json.NewEncoder(t.out)
		encoder.SetEscapeHTML(false)
		return func(e run.Event) { _ = encoder.Encode(e) }
	case several:
		p := newPrinter(t.out, program)
		return func(e run.Event) {
			row.count(e)
			// what is the same on every kernel is said once
			if d, ok := e.Body.(run.Diagnostic); ok {
				p.diagnostic(d, "")
			}
		}
	default:
		p := newPrinter(t.out, program)
		p.wholeLogs = c.Log
		p.steps = c.Scene != ""
		return p.print
	}
}
