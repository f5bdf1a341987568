package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
	"github.com/skep-dev/skep/internal/typecheck"
)

type checkCommand struct {
	Program string `arg:"" help:"C source, or - for standard input."`
	Kernel  string `short:"k" default:"latest" help:"Kernel: a series such as 6.1, or latest."`
	Fast    bool   `help:"Leave the compiler out: only what can be told at once."`
	Watch   bool   `short:"w" help:"Check again whenever the file changes."`
	JSON    bool   `help:"Print diagnostics as JSON, one object a line."`
}

// Run checks a program once, or until ctx ends.
func (c *checkCommand) Run(ctx context.Context, t *terminal) error {
	if c.Watch && c.Program == "-" {
		return usageError("standard input cannot be watched: name a file")
	}
	p, err := t.program(ctx, c.Program)
	if err != nil {
		return err
	}
	kernels, err := selectKernels(c.Kernel)
	if err != nil {
		return err
	}
	if len(kernels) != 1 {
		return usageError("a program is checked for one kernel, not %d: --kernel %s", len(kernels), kernels[0].Series)
	}
	k := &checking{command: c, terminal: t, kernel: kernels[0]}
	if err := k.open(ctx); err != nil {
		return err
	}
	defer k.close()
	if c.Watch {
		return k.watch(ctx, p)
	}
	errors, err := k.one(ctx, p)
	if err != nil {
		return err
	}
	if errors > 0 {
		return &exitError{code: run.ExitProgram}
	}
	return nil
}

// checking is a kernel's headers, read once, and who says what about sources.
type checking struct {
	command        *checkCommand
	terminal       *terminal
	kernel         *kernel.Kernel
	compiler       *compile.Compiler
	engine         *typecheck.Engine
	trimmed, whole *typecheck.Checker
}

func (k *checking) open(ctx context.Context) error {
	path, err := libexec.Find(libexec.Checker)
	if err != nil {
		return err
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if k.compiler, err = newCompiler(); err != nil {
		return err
	}
	if k.engine, err = typecheck.New(ctx, module, filepath.Join(cacheDir(), "checker")); err != nil {
		k.close()
		return err
	}
	if k.trimmed, err = k.checker(ctx, false); err != nil {
		k.close()
		return err
	}
	return nil
}

func (k *checking) close() {
	if k.engine != nil {
		_ = k.engine.Close()
	}
	_ = k.compiler.Close()
}

func (k *checking) compileKernel() compile.Kernel {
	return compile.Kernel{ID: k.kernel.ID(), BTF: k.kernel.BTFSpec}
}

// checker reads the kernel's headers.
func (k *checking) checker(ctx context.Context, whole bool) (*typecheck.Checker, error) {
	text, err := k.compiler.VMLinux(ctx, k.compileKernel(), whole)
	if err != nil {
		return nil, err
	}
	headers, err := typecheck.WithShared(text)
	if err != nil {
		return nil, err
	}
	return k.engine.WithHeaders(ctx, headers)
}

// check asks the checker: with the trimmed header and, if names are missing then, with the whole one.
func (k *checking) check(ctx context.Context, p source.Program) (*typecheck.Result, error) {
	o := typecheck.Options{Files: typecheck.IncludedFiles(p.Text, "")}
	r, err := k.trimmed.Check(ctx, p.Text, o)
	if err != nil || !slices.ContainsFunc(r.Diagnostics, func(d typecheck.Diagnostic) bool { return d.Unknown != "" }) {
		return r, err
	}
	if k.whole == nil {
		if k.whole, err = k.checker(ctx, true); err != nil {
			return nil, err
		}
	}
	again, err := k.whole.Check(ctx, p.Text, o)
	if err != nil || again.Errors() > r.Errors() {
		return r, err
	}
	return again, nil
}

// one checks a program, prints what is wrong, and gives the number of errors: the compiler's, if it was asked.
func (k *checking) one(ctx context.Context, p source.Program) (int, error) {
	if p.Language != source.C {
		return 0, usageError("%s is not C source: there is nothing to check", p.Name)
	}
	printer := newPrinter(k.terminal.out, p)
	r, err := k.check(ctx, p)
	if err != nil {
		return 0, err
	}
	said := map[int]bool{} // lines with errors
	for _, d := range r.Diagnostics {
		said[d.Line] = said[d.Line] || d.Severity == typecheck.Error
		k.print(printer, "checker", run.Diagnostic{
			File: p.Name, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn,
			Severity: string(d.Severity), Message: d.Message,
		})
	}
	errors := r.Errors()
	if !k.command.Fast {
		compiled, err := k.compiler.Compile(ctx, compile.Request{Name: p.Name, Source: p.Text, Kernel: k.compileKernel()})
		if err != nil {
			return 0, err
		}
		errors = k.printCompiled(printer, compiled, said)
		if errors == 0 && r.Errors() > 0 && !k.command.JSON {
			fmt.Fprintf(k.terminal.out, "%s: the compiler takes it all the same\n", p.Name)
		}
	}
	if errors == 0 && len(r.Diagnostics) == 0 && !k.command.JSON {
		fmt.Fprintf(k.terminal.out, "%s: no errors\n", p.Name)
	}
	return errors, nil
}

// printCompiled prints what the compiler says and the checker has not said, and gives the number of its errors.
func (k *checking) printCompiled(printer *printer, compiled *compile.Result, said map[int]bool) int {
	errors := 0
	for _, d := range compiled.Diagnostics {
		if d.Severity == compile.Error {
			errors++
			if said[d.Line] && !k.command.JSON {
				continue
			}
		}
		k.print(printer, "compiler", run.Diagnostic{
			File: d.File, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn,
			Severity: string(d.Severity), Message: d.Message,
		})
	}
	return errors
}

// saidBy is a diagnostic as --json prints it.
type saidBy struct {
	Type string `json:"type"` // diagnostic
	From string `json:"from"` // checker, compiler
	run.Diagnostic
}

func (k *checking) print(printer *printer, from string, d run.Diagnostic) {
	if !k.command.JSON {
		printer.diagnostic(d, "")
		return
	}
	encoder := json.NewEncoder(k.terminal.out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(saidBy{"diagnostic", from, d})
}

// watchEvery is how often a watched file is looked at. Editors save by renaming and some file systems report no
// changes, so it is looked at by its path.
const watchEvery = 150 * time.Millisecond

func (k *checking) watch(ctx context.Context, p source.Program) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		begin := time.Now()
		if _, err := k.one(ctx, p); err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() == nil && !k.command.JSON {
			fmt.Fprintf(k.terminal.out, "-- %s, %s\n", time.Now().Format(time.TimeOnly), milliseconds(time.Since(begin).Seconds()))
		}
		before := string(p.Text)
		for string(p.Text) == before {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
			// A file that is just being written may be away or empty for a moment.
			if again, err := k.terminal.program(ctx, k.command.Program); err == nil {
				p = again
			}
		}
	}
}
