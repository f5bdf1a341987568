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
	Seed    *uint64           `placeholder:"NUMBER" help:"Draw the scene's variables from this seed. Default: fresh ones."`
	Log     bool              `help:"Print the verifier's log also of programs that load."`
	JSON    bool              `help:"Print the stream as JSON, one object a line."`
	Timeout time.Duration     `default:"30s" help:"End the run after this long, beside --for."`
}

// Run runs the program on each kernel asked for.
func (c *runCommand) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	program, err := t.program(ctx, c.Program)
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
	said := make(diagnosed)
	code := run.ExitFine
	for _, k := range kernels {
		if ctx.Err() != nil { // what came before is shown
			code = run.ExitOurs
			break
		}
		request, err := c.request(program, k, workload)
		if err != nil {
			return err
		}
		row := comparison{kernel: k}
		print := c.output(t, program, len(kernels) > 1, &row, said)
		if len(kernels) > 1 {
			request.Label = k.Series
		}
		end := runner.Run(ctx, request, print)
		row.end = end
		rows = append(rows, row)
		code = max(code, end.ExitCode())
	}
	if len(kernels) > 1 && !c.JSON {
		printComparison(t.out, rows)
	}
	if code != run.ExitFine {
		return &exitError{code: code}
	}
	return nil
}

// check refuses times that cannot be meant.
func (c *runCommand) check() error {
	switch {
	case c.For < 0:
		return usageError("--for %v: a time cannot be negative", c.For)
	case c.Timeout <= 0:
		return usageError("--timeout %v: a run needs some time", c.Timeout)
	}
	return nil
}

// scene reads the scene, or takes the default one.
func (c *runCommand) scene() (*scene.Scene, error) {
	if c.Scene == "" {
		return scene.Default(), nil
	}
	file, err := os.Open(c.Scene)
	if err != nil {
		return nil, usageError("read the scene: %v", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, scene.MaxSceneBytes+1))
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
	if c.Seed != nil {
		random = scene.Seeded(*c.Seed)
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
func (c *runCommand) output(t *terminal, program source.Program, several bool, row *comparison, said diagnosed) func(run.Event) {
	switch {
	case c.JSON:
		encoder := json.NewEncoder(t.out)
		encoder.SetEscapeHTML(false)
		return func(e run.Event) { _ = encoder.Encode(e) }
	case several:
		p := newPrinter(t.out, program)
		return func(e run.Event) {
			row.count(e)
			if d, ok := e.Body.(run.Diagnostic); ok && said.first(d) {
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
