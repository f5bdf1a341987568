package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/run"
)

// comparison is what a program did on one of several kernels.
type comparison struct {
	kernel                            *kernel.Kernel
	programs, loaded, attached, tried int
	events, shows, traces, packets    int
	sample                            string // the first event
	end                               run.End
}

func (c *comparison) count(e run.Event) {
	switch body := e.Body.(type) {
	case run.Program:
		c.programs++
		if body.Loaded {
			c.loaded++
		}
	case run.Attach:
		c.tried++
		if body.Error == "" {
			c.attached++
		}
	case run.Record:
		if c.events == 0 {
			c.sample = strings.TrimSpace(body.TypeName + " " + body.Text)
		}
		c.events++
	case run.Show:
		c.shows++
	case run.Trace:
		c.traces++
	case run.Packet:
		c.packets++
	}
}

// printComparison writes one table, and under it why a kernel said no.
func printComparison(to io.Writer, rows []comparison) {
	w := safeWriter{w: to}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KERNEL\tLOADS\tATTACHES\tEVENTS\tPRINTK\tSHOWS\tEND\tTIME")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%.2f s\n", r.kernel.Series,
			share(r.loaded, r.programs), share(r.attached, r.tried), r.events, r.traces, r.shows, r.end.State, r.end.Seconds)
	}
	_ = table.Flush() // as unwritable as the rest of the output
	if slices.ContainsFunc(rows, func(r comparison) bool { return r.sample != "" }) {
		fmt.Fprintln(w, "\nThe first event on each:")
		samples := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, r := range rows {
			fmt.Fprintf(samples, "  %s\t%s\n", r.kernel.Series, orNone(r.sample))
		}
		_ = samples.Flush()
	}
	for _, r := range rows {
		if r.end.Message != "" {
			fmt.Fprintf(w, "\n%s: %s: %s\n", r.kernel.Series, r.end.State, printable(r.end.Message))
		}
	}
}

func orNone(sample string) string {
	if sample == "" {
		return "none"
	}
	return sample
}

// share says how many of how many.
func share(some, all int) string {
	switch {
	case all == 0:
		return "-"
	case some == all && all == 1:
		return "yes"
	case some == 0 && all == 1:
		return "no"
	}
	return fmt.Sprintf("%d of %d", some, all)
}
