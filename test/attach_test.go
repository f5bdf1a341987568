// Package test holds the suites that need the whole: machines, kernels,
// compiler and guest together.
package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
)

const guestTestdata = "../internal/guest/testdata"

// attachCase is one line of attach.yaml, which explains the fields.
type attachCase struct {
	Name     string
	To       string
	Events   int
	Iterates string
	Ends     attachEnd
	On       map[string]attachEnd
}

type attachEnd struct {
	State, Feature, Since, Message string
}

// TestAttach runs a program for each attach type on each kernel in a machine
// of its own, and holds what happens against the table.
func TestAttach(t *testing.T) {
	cases := attachCases(t)
	list := kernels(t)
	buildGuest(t)
	objects := compileAll(t, cases)
	for _, k := range list {
		t.Run(k.Series, func(t *testing.T) {
			t.Parallel()
			vms := newClones(t, k)
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					object, err := os.ReadFile(objects[c.Name])
					if err != nil {
						t.Fatal(err)
					}
					c.check(t, k.Series, vms.run(t, wire.Run{Scene: vms.plan}, object))
				})
			}
		})
	}
}

func attachCases(t *testing.T) []attachCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guestTestdata, "attach.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []attachCase
	if err := yaml.UnmarshalWithOptions(text, &cases, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return cases
}

// end is how the run ends on a kernel.
func (c attachCase) end(series string) attachEnd {
	end := c.Ends
	if special, ok := c.On[series]; ok {
		end = special
	}
	if end.State == "" {
		end.State = wire.StateDone
	}
	return end
}

func (c attachCase) check(t *testing.T, series string, o *outcome) {
	t.Helper()
	notes := o.notes.String()
	want := c.end(series)
	if o.end.State != want.State || !strings.Contains(o.end.Feature, want.Feature) ||
		want.Since != "" && o.end.Since != want.Since || !strings.Contains(o.end.Message, want.Message) {
		t.Fatalf("the run ended %+v\nwant %+v\n%s", o.end, want, notes)
	}
	if want.State != wire.StateDone {
		return
	}
	if !strings.Contains(notes, c.To) {
		t.Errorf("nothing was attached to %q:\n%s", c.To, notes)
	}
	if o.events < c.Events {
		t.Errorf("%d events, want at least %d:\n%s", o.events, c.Events, notes)
	}
	if !strings.Contains(o.iterated, c.Iterates) {
		t.Errorf("the iterator said %q, want %q in it", o.iterated, c.Iterates)
	}
}

// compileAll makes the objects of all cases.
func compileAll(t *testing.T, cases []attachCase) map[string]string {
	t.Helper()
	dir := t.TempDir()
	objects := make(map[string]string)
	for _, c := range cases {
		objects[c.Name] = compileOne(t, dir, c.Name)
	}
	return objects
}

// buildGuest makes the guest and the program for uprobes of this checkout the
// ones that machines get. flags are the go command's.
func buildGuest(t *testing.T, flags ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, command := range [][]string{
		slices.Concat([]string{"go", "build"}, flags, []string{"-o", filepath.Join(dir, libexec.Guest), "../cmd/skep-guest"}),
		{"../internal/guest/target/build.sh", filepath.Join(dir, libexec.Target)},
	} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, output)
		}
	}
	t.Setenv("SKEP_LIBEXEC", dir)
}

// kernels are those that have been fetched.
func kernels(t *testing.T) []*kernel.Kernel {
	t.Helper()
	if testing.Short() {
		t.Skip("machines take time")
	}
	list, err := kernel.Open(kernel.DefaultDir()).Select("all")
	if err != nil || len(list) == 0 {
		t.Fatalf("no kernel has been fetched: run 'make setup' (%v)", err)
	}
	return list
}

// clones are machines of one kernel, each used once.
type clones struct {
	engine   *qemu.Engine
	snapshot *machine.Snapshot
	plan     scene.Plan
}

func newClones(t *testing.T, k *kernel.Kernel) *clones {
	t.Helper()
	engine, err := qemu.New(qemu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &clones{engine: engine, plan: drawScene(t)}
	shelf := &machine.Shelf{Dir: t.TempDir(), Engine: engine}
	c.snapshot, err = shelf.Snapshot(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.snapshot.Close() })
	return c
}

func drawScene(t *testing.T) scene.Plan {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guestTestdata, "scene.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return plan(t, string(text))
}

// An outcome is what a run sent.
type outcome struct {
	end       wire.End
	events    int
	traces    int
	lastTrace wire.Trace
	stats     int
	iterated  string
	logs      map[string]string // verifier logs by program
	globals   map[string]wire.Global
	programs  []wire.Program
	notes     bytes.Buffer // what else is of use when a test fails
}

// runDeadline is far beyond what a run takes under emulation on a busy
// machine; it is there so that a guest that hangs fails one test only.
const runDeadline = 60 * time.Second

func (c *clones) run(t *testing.T, run wire.Run, object []byte) *outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runDeadline)
	defer cancel()
	m, err := machine.Restore(ctx, c.engine, c.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	o := &outcome{logs: make(map[string]string), globals: make(map[string]wire.Global)}
	o.end, err = m.Run(ctx, run, object, time.Second, o.frame)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, o.notes.String(), m.Console())
	}
	return o
}

func (o *outcome) frame(f machine.Frame) error {
	switch f.Kind {
	case wire.KindEvent:
		o.events++
	case wire.KindStats:
		o.stats++
	case wire.KindTrace:
		o.traces++
		return json.Unmarshal(f.Payload, &o.lastTrace)
	case wire.KindGlobal:
		var g wire.Global
		if err := json.Unmarshal(f.Payload, &g); err != nil {
			return err
		}
		if o.globals != nil {
			o.globals[g.Section] = g
		}
	case wire.KindProgram:
		var p wire.Program
		if err := json.Unmarshal(f.Payload, &p); err != nil {
			return err
		}
		o.programs = append(o.programs, p)
	case wire.KindLog:
		var l wire.Log
		if err := json.Unmarshal(f.Payload, &l); err != nil {
			return err
		}
		if l.From == "iterator" {
			o.iterated += l.Text
		} else {
			o.logs[l.Program] += l.Text
		}
	case wire.KindAttach:
		var a wire.Attach
		if err := json.Unmarshal(f.Payload, &a); err != nil {
			return err
		}
		fmt.Fprintf(&o.notes, "%s to: %s (%s) %s\n", a.Program, a.To, a.How, a.Error)
	case wire.KindStep, wire.KindLost:
		fmt.Fprintf(&o.notes, "%s\n", f.Payload)
	}
	return nil
}
