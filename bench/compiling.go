package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
)

var compiling = benchmark{
	name: "compile",
	words: `From source to object, on the types of the newest kernel. The object cache does not know the text.
ours:  our compile program in its jail, with a precompiled header: one that is started for the source, and one that
       waits for a source, as with a server.
other: clang-19 -O2 -g with the whole vmlinux.h, then llvm-strip-19 -g; no jail. The same runs for both rows.`,
	run: func(ctx context.Context, l *lab, t *table) error {
		for _, program := range []struct{ file, figure, target string }{
			{"execsnoop.bpf.c", "exec tracer", "≥ 15x"},
			{"chains.bpf.c", "heavy CO-RE (task_struct chains)", "≥ 5x"},
		} {
			if err := compileOne(ctx, l, t, program.file, program.figure, program.target); err != nil {
				return err
			}
		}
		return compilerMemory(ctx, l, t)
	},
}

func compileOne(ctx context.Context, l *lab, t *table, file, figure, target string) error {
	k := l.latest()
	p, err := l.plainCompiler(k)
	if err != nil {
		return err
	}
	waiting, err := waitingCompiler(ctx, k, 1)
	if err != nil {
		return err
	}
	defer waiting.Close()
	started := row{figure: figure + ", started", unit: "ms", target: target}
	waited := row{figure: figure + ", waiting", unit: "ms", target: target}
	for i := range l.times(21) + 1 {
		path, err := l.fresh(file)
		if err != nil {
			return err
		}
		startedTook, size, err := compileOurs(ctx, l.compiler, path, k)
		if err != nil {
			return err
		}
		if path, err = l.fresh(file); err != nil {
			return err
		}
		waitedTook, _, err := compileOurs(ctx, waiting, path, k)
		if err != nil {
			return err
		}
		if err := waiting.Ready(ctx); err != nil { // so that clang has the processors
			return err
		}
		plainTook, plainSize, err := p.timed(ctx, path)
		if err != nil {
			return err
		}
		started.note = fmt.Sprintf("objects of %d and %d bytes", size, plainSize)
		if i > 0 { // the first may have made the header
			started.ours.add(startedTook)
			waited.ours.add(waitedTook)
			started.other.add(plainTook)
			waited.other.add(plainTook)
		}
	}
	t.row(started)
	t.row(waited)
	return nil
}

func (p *plain) timed(ctx context.Context, path string) (time.Duration, int64, error) {
	begin := time.Now()
	object, err := p.compile(ctx, path)
	took := time.Since(begin)
	if err != nil {
		return 0, 0, err
	}
	info, err := os.Stat(object)
	if err != nil {
		return 0, 0, err
	}
	return took, info.Size(), nil
}

// compilerMemory is what compilers that wait cost the host, jail included.
func compilerMemory(ctx context.Context, l *lab, t *table) error {
	waiting, err := waitingCompiler(ctx, l.latest(), 4)
	if err != nil {
		return err
	}
	defer waiting.Close()
	r := row{figure: "a waiting compiler, one of 4", unit: "MB"}
	for _, pid := range waiting.Waiting() {
		f, err := footprintOf(pid)
		if err != nil {
			return err
		}
		r.ours = append(r.ours, megabytes(f.own()))
		r.note = fmt.Sprintf("its own %.0f, its share of the program and the header %.0f", megabytes(f.heap), megabytes(f.files))
	}
	t.row(r)
	return nil
}

func compileOurs(ctx context.Context, c *compile.Compiler, path string, k *kernel.Kernel) (time.Duration, int64, error) {
	begin := time.Now()
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	result, err := c.Compile(ctx, compile.Request{
		Name: filepath.Base(path), Source: text, Kernel: compile.Kernel{ID: k.ID(), BTF: k.BTFSpec},
	})
	took := time.Since(begin)
	switch {
	case err != nil:
		return 0, 0, err
	case result.Object == nil:
		return 0, 0, fmt.Errorf("%s does not compile: %v", path, result.Diagnostics)
	case result.Cached:
		return 0, 0, fmt.Errorf("%s came from the cache, which says nothing about the compiler", path)
	}
	return took, int64(len(result.Object)), nil
}
