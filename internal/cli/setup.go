package cli

import (
	"context"
	"fmt"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
)

type setupCommand struct{}

// Run makes everything ready that would make the first run slow.
func (c *setupCommand) Run(ctx context.Context, t *terminal) error {
	kernels, err := c.kernels(ctx, t)
	if err != nil {
		return err
	}
	if err := probeKVM(ctx, t, kernels[len(kernels)-1]); err != nil {
		return err
	}
	b, err := newBackend(func(text string) { fmt.Fprintln(t.out, text) })
	if err != nil {
		return err
	}
	defer b.Close()
	for _, k := range kernels {
		if _, err := b.snapshot(ctx, k); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "Linux %s: a machine is ready\n", k.Series)
	}
	return nil
}

// kernels are the default ones, fetched if they are not there.
func (c *setupCommand) kernels(ctx context.Context, t *terminal) ([]*kernel.Kernel, error) {
	store := openKernels()
	var kernels []*kernel.Kernel
	for _, series := range kernel.DefaultSeries {
		k, err := store.Get(series)
		if err != nil {
			if err := pullKernels(ctx, t, []string{series}); err != nil {
				return nil, err
			}
			if k, err = store.Get(series); err != nil {
				return nil, err
			}
		}
		kernels = append(kernels, k)
	}
	return kernels, nil
}

// probeKVM finds out once per start of the host whether KVM can be used.
func probeKVM(ctx context.Context, t *terminal, k *kernel.Kernel) error {
	if why, ok := qemu.Probed(cacheDir()); ok {
		fmt.Fprintln(t.out, "hardware virtualisation:", why)
		return nil
	}
	fmt.Fprintf(t.out, "hardware virtualisation: trying to boot a machine under KVM (at most %v)\n", qemu.ProbeDeadline)
	shelf := &machine.Shelf{Dir: cacheDir() + "/snapshots"}
	return shelf.WithImage(k, func(image machine.Image) error {
		_, why, err := qemu.Probe(ctx, image, cacheDir())
		if err == nil {
			fmt.Fprintln(t.out, "hardware virtualisation:", why)
		}
		return err
	})
}
