package run

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/object"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
)

//go:embed preheat/*.bpf.c
var preheatSources embed.FS

// preheatRun is one of our programs and what happens in the machine meanwhile.
type preheatRun struct {
	name  string
	scene func() (*scene.Scene, error)
}

var (
	everyHook = preheatRun{"hooks.bpf.c", func() (*scene.Scene, error) { return scene.Default(), nil }}
	tracing   = preheatRun{"trace.bpf.c", func() (*scene.Scene, error) { return scene.Parse([]byte(preheatScene)) }}
	// preheatRuns in the order in which they happen. One default scene warms
	// all that scenes do; a second one would only take time.
	preheatRuns = []preheatRun{everyHook, tracing}
)

const preheatScene = "steps: [run: [/bin/true]]\n"

// Preheat makes the runs that warm a machine: programs of our own, which use
// what users' programs do. It implements machine.Preheater.
type Preheat struct {
	Compiler *compile.Compiler
}

// Identity implements machine.Preheater.
func (p Preheat) Identity() string {
	sum := sha256.New()
	for _, r := range preheatRuns {
		text, err := preheatSources.ReadFile("preheat/" + r.name)
		if err != nil {
			panic(err) // embedded above
		}
		sum.Write(text)
	}
	sum.Write([]byte(preheatScene))
	return hex.EncodeToString(sum.Sum(nil))
}

// Make implements machine.Preheater.
func (p Preheat) Make(ctx context.Context, k *kernel.Kernel) ([]machine.Preheat, error) {
	return p.make(ctx, k, preheatRuns)
}

// ForClones makes the runs that a pool has each of its machines do, so that
// under emulation the code is translated which nearly every run goes through.
// More of it would cost every waiting machine tens of megabytes, and seconds.
func (p Preheat) ForClones(ctx context.Context, k *kernel.Kernel) ([]machine.Preheat, error) {
	return p.make(ctx, k, []preheatRun{tracing})
}

func (p Preheat) make(ctx context.Context, k *kernel.Kernel, runs []preheatRun) ([]machine.Preheat, error) {
	list := make([]machine.Preheat, 0, len(runs))
	for _, r := range runs {
		parsed, err := r.scene()
		if err != nil {
			return nil, fmt.Errorf("scene of %s: %w", r.name, err)
		}
		plan, _, err := scene.Draw(parsed, scene.Seeded(1))
		if err != nil {
			return nil, fmt.Errorf("scene of %s: %w", r.name, err)
		}
		object, err := p.object(ctx, k, r.name)
		if err != nil {
			return nil, err
		}
		list = append(list, machine.Preheat{Run: wire.Run{Scene: plan}, Object: object})
	}
	return list, nil
}

// object compiles one of our programs.
func (p Preheat) object(ctx context.Context, k *kernel.Kernel, name string) ([]byte, error) {
	text, err := preheatSources.ReadFile("preheat/" + name)
	if err != nil {
		return nil, err
	}
	result, err := p.Compiler.Compile(ctx, compile.Request{
		Name: name, Source: text, Kernel: compile.Kernel{ID: k.ID(), BTF: k.BTFSpec},
	})
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	if result.Object == nil {
		return nil, fmt.Errorf("compile %s: %v", name, result.Diagnostics)
	}
	stripped, err := object.Strip(result.Object)
	if err != nil {
		return nil, fmt.Errorf("strip %s: %w", name, err)
	}
	return stripped, nil
}
