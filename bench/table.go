package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// A row is one figure: ours, and what it is compared to.
type row struct {
	figure string
	unit   string
	ours   sample
	other  sample // empty: nothing to compare to
	target string // what the project promised itself; never checked here
	note   string
}

// A table prints rows as medians, with the smallest and the largest value.
type table struct {
	out   *tabwriter.Writer
	begun bool
}

func newTable(w io.Writer) *table {
	return &table{out: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
}

func (t *table) row(r row) {
	if !t.begun {
		t.begun = true
		fmt.Fprintln(t.out, "figure\tunit\tours: median (min–max)\tother: median (min–max)\tratio\tn\ttarget\t")
	}
	ratio := ""
	if len(r.ours) > 0 && len(r.other) > 0 {
		ratio = fmt.Sprintf("%.1fx", r.ours.ratio(r.other))
	}
	fmt.Fprintf(t.out, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
		r.figure, r.unit, spread(r.ours), spread(r.other), ratio, max(len(r.ours), len(r.other)), r.target, r.note)
	// Whoever waits for minutes wants to see that something happens.
	_ = t.out.Flush()
}

func (t *table) flush() { _ = t.out.Flush() }

func spread(s sample) string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.median()), number(s.min()), number(s.max()))
}

// number keeps three digits or so: more would not be true.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.Abs(v) < 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
