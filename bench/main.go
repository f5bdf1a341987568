// Command bench measures skep beside what a person would do without it. Each
// file of this folder is one benchmark; README.md tells how to read the rows.
//
//	go run ./bench [-quick] [NAME ...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// A benchmark prints rows. Its words say what is compared to what.
type benchmark struct {
	name  string
	words string
	run   func(ctx context.Context, l *lab, t *table) error
}

// benchmarks in the order in which they run.
var benchmarks = []benchmark{
	firstEvent,
	restored,
	virtme,
	compiling,
	memory,
	throughput,
}

func main() {
	quick := flag.Bool("quick", false, "fewer runs: a first look, not a figure to quote")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, flag.Args(), *quick)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [-quick] [NAME ...]")
	flag.PrintDefaults()
	fmt.Fprintln(flag.CommandLine.Output(), "benchmarks:", strings.Join(names(), ", "))
}

func names() []string {
	var list []string
	for _, b := range benchmarks {
		list = append(list, b.name)
	}
	return list
}

// bench runs the benchmarks that were asked for, or all. One that fails does
// not keep the others from running.
func bench(ctx context.Context, wanted []string, quick bool) error {
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no benchmark %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	l, err := newLab(ctx, quick)
	if err != nil {
		return err
	}
	defer l.close()
	printFacts(os.Stdout, l)
	var failed []error
	for _, b := range benchmarks {
		if len(wanted) > 0 && !slices.Contains(wanted, b.name) {
			continue
		}
		fmt.Printf("\n== %s\n%s\n\n", b.name, b.words)
		t := newTable(os.Stdout)
		err := b.run(ctx, l, t)
		t.flush()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", b.name, err))
			fmt.Printf("did not end: %v\n", err)
		}
	}
	fmt.Println()
	printLoad(os.Stdout)
	return errors.Join(failed...)
}
