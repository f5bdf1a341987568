package cli

import (
	"bufio"
	"errors"

	"github.com/skep-dev/skep/btfc"
)

type headerCommand struct {
	Types  []string `arg:"" optional:"" help:"Names of types, such as task_struct. Default: every type (vmlinux.h)."`
	Kernel string   `short:"k" default:"latest" help:"Kernel: a series such as 6.1, latest, or the path of an image."`
	Depth  int      `default:"0" help:"How many pointers to follow from the named types; beyond, types are only declared. -1: all."`
}

// Run prints the types with what they are made of.
func (c *headerCommand) Run(t *terminal) error {
	kernels, err := selectKernels(c.Kernel)
	if err != nil {
		return err
	}
	if len(kernels) != 1 {
		return usageError("a header is of one kernel, not %d: --kernel %s", len(kernels), kernels[0].Series)
	}
	k := kernels[0]
	spec, err := k.BTFSpec()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(t.out)
	if err := btfc.Write(out, spec, c.options()); err != nil {
		var unknown *btfc.UnknownTypeError
		if errors.As(err, &unknown) {
			return usageError("Linux %s: %v", k.Series, err)
		}
		return err
	}
	return out.Flush()
}

// options print single types for a reader and everything as a vmlinux.h.
func (c *headerCommand) options() btfc.Options {
	if len(c.Types) == 0 {
		return btfc.Options{PointerDepth: -1, Kfuncs: true}
	}
	return btfc.Options{Types: c.Types, PointerDepth: c.Depth, Bare: true, Offsets: true}
}
