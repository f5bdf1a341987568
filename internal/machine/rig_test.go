package machine_test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
	"go.uber.org/goleak"
)

// patience bounds every wait; only a broken test uses it up.
const patience = time.Minute

//go:embed testdata/idle.bpf.o
var idle []byte

func TestMain(m *testing.M) {
	if asHelper() {
		return
	}
	code := m.Run()
	if err := closeRig(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// rig is what the tests with a real machine share: the newest kernel, booted
// and saved once.
type rig struct {
	kernel   *kernel.Kernel
	shelf    *machine.Shelf
	snapshot *machine.Snapshot
}

var (
	makeRig = sync.OnceValues(newRig)
	rigDir  string
)

func newRig() (*rig, error) {
	dir, err := os.MkdirTemp("", "skep-machine-test-")
	if err != nil {
		return nil, err
	}
	rigDir = dir
	r := &rig{}
	if r.shelf, r.kernel, err = openShelf(dir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if r.snapshot, err = r.shelf.Snapshot(ctx, r.kernel); err != nil {
		return nil, err
	}
	return r, r.snapshot.Wait(context.Background())
}

// openShelf finds all that a machine is made of.
func openShelf(dir string) (*machine.Shelf, *kernel.Kernel, error) {
	kernels, err := kernel.Open(kernel.DefaultDir()).List()
	if err == nil && len(kernels) == 0 {
		err = errors.New("there is no kernel")
	}
	if err == nil {
		_, err = libexec.Find(libexec.Guest)
	}
	var engine *qemu.Engine
	if err == nil {
		engine, err = qemu.New(qemu.Options{})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: run make setup", err)
	}
	return &machine.Shelf{Dir: dir, Engine: engine}, kernels[len(kernels)-1], nil
}

func closeRig() error {
	if rigDir == "" {
		return nil
	}
	if r, err := makeRig(); err == nil {
		_ = r.snapshot.Close()
	}
	left, err := filepath.Glob(filepath.Join(rigDir, ".[bu]*"))
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("temporary folders are left: %v", left)
	}
	return errors.Join(err, os.RemoveAll(rigDir))
}

func openRig(t *testing.T) *rig {
	t.Helper()
	r, err := makeRig()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (r *rig) clone(t *testing.T) *machine.Machine {
	t.Helper()
	m, err := machine.Restore(deadline(t), r.shelf.Engine, r.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// shell is a run whose scene is one shell script.
func shell(t *testing.T, script string) wire.Run {
	t.Helper()
	text := fmt.Sprintf("steps:\n  - run: {argv: [/bin/sh, -c, %q]}\n    timeout: 100s\n", script)
	parsed, err := scene.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := scene.Draw(parsed, scene.Seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	return wire.Run{Scene: plan}
}

// output runs a shell script in a machine and returns what it printed.
func output(t *testing.T, m *machine.Machine, script string) string {
	t.Helper()
	var steps frames
	end, err := m.Run(deadline(t), shell(t, script), idle, time.Second, steps.take)
	if err != nil {
		t.Fatalf("%v; the guest said %+v, and on its console:\n%s", err, steps.stages, m.Console())
	}
	if end.State != wire.StateDone || len(steps.results) != 1 {
		t.Fatalf("the run ended %+v with %+v", end, steps.results)
	}
	return strings.TrimSpace(string(steps.results[0].Bytes))
}
