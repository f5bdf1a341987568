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
	words: `From source to object, on the types of the newest kernel.
ours:  our compile program in its jail with a warm precompiled header; the object cache does not know the text.
other: clang-19 -O2 -g with the whole vmlinux.h, then llvm-strip-19 -g; no jail.`,
	run: func(ctx context.Context, l *lab, t *table) error {
		for _, program := range []struct{ file, figure, target string }{
			{"execsnoop.bpf.c", "exec tracer", "≥ 15x"},
			{"chains.bpf.c", "heavy CO-RE (task_struct chains)", "≥ 5x"},
		} {
			if err := compileOne(ctx, l, t, program.file, program.figure, program.target); err != nil {
				return err
			}
		}
		return nil
	},
}

func compileOne(ctx context.Context, l *lab, t *table, file, figure, target string) error {
	k := l.latest()
	p, err := l.plainCompiler(k)
	if err != nil {
		return err
	}
	r := row{figure: figure, unit: "ms", target: target}
	var sizes [2]int64
	for i := range l.times(21) + 1 {
		path, err := l.fresh(file)
		if err != nil {
			return err
		}
		took, size, err := l.compileOurs(ctx, path, k)
		if err != nil {
			return err
		}
		sizes[0] = size
		begin := time.Now()
		object, err := p.compile(ctx, path)
		if err != nil {
			return err
		}
		plainTook := time.Since(begin)
		info, err := os.Stat(object)
		if err != nil {
			return err
		}
		sizes[1] = info.Size()
		if i > 0 { // the first may have made the header
			r.ours.add(took)
			r.other.add(plainTook)
		}
	}
	r.note = fmt.Sprintf("objects of %d and %d bytes", sizes[0], sizes[1])
	t.row(r)
	return nil
}

func (l *lab) compileOurs(ctx context.Context, path string, k *kernel.Kernel) (time.Duration, int64, error) {
	begin := time.Now()
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	result, err := l.compiler.Compile(ctx, compile.Request{
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
