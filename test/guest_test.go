package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
)

// TestRunInMachine runs what is about the course of a run, not about one kind
// of hook, on the newest kernel.
func TestRunInMachine(t *testing.T) {
	list := kernels(t)
	buildGuest(t)
	vms := newClones(t, list[len(list)-1])
	for name, check := range map[string]func(*testing.T, *clones){
		"load only":     loadOnly,
		"whole log":     wholeLog,
		"log limit":     logLimit,
		"limits":        limits,
		"cancel":        cancelled,
		"globals":       globals,
		"unknown actor": unknownActor,
		"attach to":     attachTo,
		"out of memory": outOfMemory,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, vms)
		})
	}
}

// loadOnly: a rejected program does not hide what is said about the others.
func loadOnly(t *testing.T, vms *clones) {
	o := vms.run(t, wire.Run{LoadOnly: true}, compiled(t, "rejected"))
	var loaded []bool
	for _, p := range o.programs {
		loaded = append(loaded, p.Loaded)
		if p.States == "" || p.Loaded && (p.Verified == 0 || p.JITed == 0) {
			t.Errorf("figures are missing: %+v", p)
		}
	}
	if len(loaded) != 3 || !loaded[0] || loaded[1] || !loaded[2] {
		t.Errorf("loaded: %v, want the first and the last of three", loaded)
	}
	if o.end.State != wire.StateRejected || o.end.Program != "bad" {
		t.Errorf("end %+v", o.end)
	}
	if !strings.Contains(o.logs["bad"], "r0 = *(u8 *)(r0 +0)") {
		t.Errorf("the log does not show the instruction:\n%s", o.logs["bad"])
	}
}

// wholeLog: on request, also of a program that loads, and in several frames.
func wholeLog(t *testing.T, vms *clones) {
	o := vms.run(t, wire.Run{LoadOnly: true, VerifierLog: true}, compiled(t, "tracepoint"))
	if o.end.State != wire.StateDone || !strings.Contains(o.logs["prog"], "(95) exit") {
		t.Errorf("end %+v, log:\n%s", o.end, o.logs["prog"])
	}
}

// logLimit: a log that does not fit does not keep a program from loading.
func logLimit(t *testing.T, vms *clones) {
	run := wire.Run{LoadOnly: true, VerifierLog: true, Limits: wire.Limits{LogBytes: 2000}}
	o := vms.run(t, run, compiled(t, "tracepoint"))
	if o.end.State != wire.StateDone || len(o.logs["prog"]) < 1000 || len(o.logs["prog"]) > 4000 {
		t.Errorf("end %+v, %d bytes of log", o.end, len(o.logs["prog"]))
	}
}

func limits(t *testing.T, vms *clones) {
	run := wire.Run{Scene: vms.plan, Limits: wire.Limits{Events: 50, TraceLines: 5}}
	o := vms.run(t, run, compiled(t, "flood"))
	if o.end.State != wire.StateOutputLimit || o.events != 50 || o.traces != 5 {
		t.Errorf("end %+v, %d events, %d lines", o.end, o.events, o.traces)
	}
	if !strings.Contains(o.end.Message, "events and trace lines") {
		t.Errorf("message %q", o.end.Message)
	}
}

// cancelled: the end of the context ends the scene, and what was gathered
// before is there.
func cancelled(t *testing.T, vms *clones) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, err := machine.Restore(ctx, vms.engine, vms.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	run := wire.Run{Scene: plan(t, "steps: [{run: [/bin/true]}, {sleep: 100s}]"), Seconds: 100}
	o := outcome{logs: map[string]string{}}
	o.end, err = m.Run(ctx, run, compiled(t, "tracepoint"), runDeadline, func(f machine.Frame) error {
		if f.Kind == wire.KindEvent {
			cancel()
		}
		return o.frame(f)
	})
	if err != nil || o.end.State != wire.StateCancelled || o.events == 0 {
		t.Errorf("end %+v, %d events, error %v", o.end, o.events, err)
	}
	if o.stats == 0 {
		t.Error("the statistics were not reported after the cancel")
	}
}

func globals(t *testing.T, vms *clones) {
	run := wire.Run{Scene: vms.plan, Set: []wire.SetGlobal{
		{Variable: "wanted", Value: []byte{7, 0, 0, 0}},
		{Variable: "me", ActorPID: "peer"},
	}}
	o := vms.run(t, run, compiled(t, "globals"))
	if o.end.State != wire.StateDone {
		t.Fatalf("end %+v", o.end)
	}
	// runs, in .data, counts from 5; seen, the first variable of .bss, is a
	// copy of wanted.
	if data := o.globals[".data"]; len(data.After) != 8 || data.Before[0] != 5 || data.After[0] <= 5 {
		t.Errorf(".data: %+v", data)
	}
	if bss := o.globals[".bss"]; len(bss.After) != 8 || !strings.Contains(string(bss.After), "\x07\x00\x00\x00") {
		t.Errorf(".bss: %+v", bss)
	}
	if o.traces == 0 || !strings.HasPrefix(o.lastTrace.Text, "wanted 7, actor ") || strings.HasSuffix(o.lastTrace.Text, " 0") {
		t.Errorf("%d trace lines, the last is %+v", o.traces, o.lastTrace)
	}
}

func unknownActor(t *testing.T, vms *clones) {
	run := wire.Run{Scene: vms.plan, Set: []wire.SetGlobal{{Variable: "me", ActorPID: "nobody"}}}
	o := vms.run(t, run, compiled(t, "globals"))
	if o.end.State != wire.StateWorkloadFailed || !strings.Contains(o.end.Message, `"nobody"`) {
		t.Errorf("end %+v", o.end)
	}
}

func attachTo(t *testing.T, vms *clones) {
	for _, c := range []struct{ target, to, state string }{
		{"lo", "interface lo", wire.StateDone},
		{"none", "nothing", wire.StateDone},
		{"eth7", "", wire.StateCannotAttach},
	} {
		run := wire.Run{Scene: vms.plan, AttachTo: map[string]string{"prog": c.target}}
		o := vms.run(t, run, compiled(t, "xdp"))
		if o.end.State != c.state || !strings.Contains(o.notes.String(), "to: "+c.to) || strings.Contains(o.notes.String(), "interface v0") {
			t.Errorf("%s: end %+v\n%s", c.target, o.end, o.notes.String())
		}
	}
}

// outOfMemory: the verifier can use up the memory of the machine, which then
// dies, and says so on its console.
func outOfMemory(t *testing.T, vms *clones) {
	m, err := machine.Restore(t.Context(), vms.engine, vms.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = m.Run(t.Context(), wire.Run{LoadOnly: true}, compiled(t, "too_complex"), time.Second,
		func(machine.Frame) error { return nil })
	died, ok := errors.AsType[*machine.DiedError](err)
	if !ok || !strings.Contains(died.Console, "deadlocked on memory") {
		t.Errorf("error %v", err)
	}
}

// compiled gives the object of a source of the guest's test data.
func compiled(t *testing.T, name string) []byte {
	t.Helper()
	object, err := os.ReadFile(compileOne(t, t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func compileOne(t *testing.T, dir, name string) string {
	t.Helper()
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Skip("clang-19 is not installed: run 'make setup'")
	}
	object := filepath.Join(dir, name+".o")
	source := filepath.Join(guestTestdata, name+".bpf.c")
	// libbpf's usdt.bpf.h includes a header of the host's architecture.
	cmd := exec.Command(clang, "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall",
		"-idirafter", "/usr/include/x86_64-linux-gnu", "-c", source, "-o", object)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v\n%s", source, err, output)
	}
	return object
}

func plan(t *testing.T, text string) scene.Plan {
	t.Helper()
	parsed, err := scene.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	drawn, _, err := scene.Draw(parsed, scene.Seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	return drawn
}
