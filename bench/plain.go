package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/skep-dev/skep/btfc"
	"github.com/skep-dev/skep/internal/kernel"
)

// plain is the way that books teach: the whole vmlinux.h, clang, llvm-strip.
type plain struct {
	clang, strip string
	include      string // the folder of vmlinux.h
	work         string
}

// plainCompiler makes the header, which is not part of any figure.
func (l *lab) plainCompiler(k *kernel.Kernel) (*plain, error) {
	p := &plain{work: l.work, include: filepath.Join(l.cache, "headers", k.ID())}
	for _, tool := range []struct {
		path *string
		name string
	}{{&p.clang, "clang-19"}, {&p.strip, "llvm-strip-19"}} {
		path, err := exec.LookPath(tool.name)
		if err != nil {
			return nil, fmt.Errorf("%s is not installed: run 'make setup'", tool.name)
		}
		*tool.path = path
	}
	return p, writeHeader(filepath.Join(p.include, "vmlinux.h"), k)
}

func writeHeader(path string, k *kernel.Kernel) error {
	spec, err := k.BTFSpec()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	if err := btfc.Write(out, spec, btfc.Options{PointerDepth: -1, Kfuncs: true}); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// compile makes a stripped object beside the source.
func (p *plain) compile(ctx context.Context, path string) (object string, err error) {
	object = filepath.Join(p.work, "plain.bpf.o")
	for _, words := range [][]string{
		{p.clang, "-O2", "-g", "-target", "bpf", "-D__TARGET_ARCH_x86", "-I", p.include, "-c", path, "-o", object},
		{p.strip, "-g", object},
	} {
		if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", filepath.Base(words[0]), err, out)
		}
	}
	return object, nil
}
