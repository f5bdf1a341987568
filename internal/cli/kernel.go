package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/skep-dev/skep/internal/kernel"
)

// kernelCommand groups what is done with the store of kernels.
type kernelCommand struct {
	List   kernelListCommand   `cmd:"" default:"1" help:"List the kernels that are there."`
	Pull   kernelPullCommand   `cmd:"" help:"Fetch kernels from Debian, without root and without installing them."`
	Remove kernelRemoveCommand `cmd:"" help:"Remove kernels."`
}

type kernelListCommand struct {
	JSON bool `help:"Print one JSON object a line."`
}

// Run prints a row for each kernel.
func (c *kernelListCommand) Run(t *terminal) error {
	kernels, err := openKernels().List()
	if err != nil {
		return err
	}
	if len(kernels) == 0 && !c.JSON {
		fmt.Fprintln(t.out, "No kernels yet: fetch the default ones with 'skep kernel pull'.")
		return nil
	}
	encoder := json.NewEncoder(t.out)
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(table, "SERIES\tRELEASE\tPACKAGE VERSION\tON DISK")
	}
	for _, k := range kernels {
		size, err := k.Size()
		if err != nil {
			return err
		}
		if c.JSON {
			row := struct {
				Series  string `json:"series"`
				Release string `json:"release"`
				Version string `json:"version"`
				Bytes   int64  `json:"bytes"`
			}{k.Series, k.Release, k.Version, size}
			if err := encoder.Encode(row); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d MB\n", k.Series, k.Release, k.Version, size/1_000_000)
	}
	return table.Flush()
}

type kernelPullCommand struct {
	Series []string `arg:"" optional:"" help:"Series such as 6.1, 6.12 or 7 (the newest 7.x). Default: these three."`
}

// Run fetches the named series, one after the other.
func (c *kernelPullCommand) Run(ctx context.Context, t *terminal) error {
	series := c.Series
	if len(series) == 0 {
		series = kernel.DefaultSeries
	}
	return pullKernels(ctx, t, series)
}

func pullKernels(ctx context.Context, t *terminal, series []string) error {
	store := openKernels()
	for _, name := range series {
		bar := newBar(t.err, "Linux "+name)
		k, fetched, err := store.Pull(ctx, name, bar.kernelProgress)
		bar.end()
		if err != nil {
			return err
		}
		what := "is the newest and was there"
		if fetched {
			what = "was fetched"
		}
		fmt.Fprintf(t.out, "Linux %s: %s %s\n", k.Series, k.Release, what)
	}
	return nil
}

type kernelRemoveCommand struct {
	Names []string `arg:"" help:"Series or releases; see 'skep kernel list'."`
}

// Run removes the named kernels.
func (c *kernelRemoveCommand) Run(t *terminal) error {
	for _, name := range c.Names {
		if strings.ContainsRune(name, '/') {
			return usageError("remove kernel %s: name a series or a release, not a file", name)
		}
		err := openKernels().Remove(name)
		if errors.Is(err, kernel.ErrNotFound) {
			return usageError("there is no kernel %s to remove: see 'skep kernel list'", name)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "removed Linux %s\n", name)
	}
	return nil
}

func openKernels() *kernel.Store { return kernel.Open(kernel.DefaultDir()) }
