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

// preheatNames in the order in which they run.
var preheatNames = []string{"hooks.bpf.c", "trace.bpf.c"}

// Preheat makes the runs that warm a machine: programs of our own, which use
// what users' programs do, with the default scene. It implements
// machine.Preheater.
type Preheat struct {
	Compiler *compile.Compiler
}

// Identity implements machine.Preheater.
func (p Preheat) Identity() string {
	sum := sha256.New()
	for _, name := range preheatNames {
		text, err := preheatSources.ReadFile("preheat/" + name)
		if err != nil {
			panic(err) // embedded above
		}
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Make implements machine.Preheater.
func (p Preheat) Make(ctx context.Context, k *kernel.Kernel) ([]machine.Preheat, error) {
	plan, _, err := scene.Draw(scene.Default(), scene.Seeded(1))
	if err != nil {
		return nil, err
	}
	list := make([]machine.Preheat, 0, len(preheatNames))
	for _, name := range preheatNames {
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
		list = append(list, machine.Preheat{Run: wire.Run{Scene: plan}, Object: stripped})
	}
	return list, nil
}
