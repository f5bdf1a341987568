package compile

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed include
var ownHeaders embed.FS

// headers are those that are the same for every kernel: skep.h, libbpf's, the kernel's
// interface to user space, and clang's own.
type headers struct {
	mounts []mount
	// identity changes whenever a header does.
	identity string
}

// systemHeaders are used where this machine has them; a program that includes vmlinux.h does
// without. Each folder is found by one of its files; some of these change with every version.
var systemHeaders = []struct {
	mount
	file      string
	versioned bool
}{
	{mount{"/usr/include/linux", jailUAPI + "/linux"}, "version.h", true},
	{mount{"/usr/include/asm-generic", jailUAPI + "/asm-generic"}, "errno.h", false},
	{mount{"/usr/include/x86_64-linux-gnu/asm", jailUAPI + "/asm"}, "errno.h", false},
	{mount{"/usr/lib/llvm-19/lib/clang/19/include", jailClangHeaders}, "stdbool.h", true},
}

// openHeaders copies skep.h and libbpf's headers into a folder of the cache that is named after
// their content, so that neither an upgrade nor another version of us changes them under a
// precompiled header.
func openHeaders(cache, libbpf string) (*headers, error) {
	files, err := collectHeaders(libbpf)
	if err != nil {
		return nil, fmt.Errorf("open headers: %w", err)
	}
	var parts []string
	for _, name := range slices.Sorted(keys(files)) {
		parts = append(parts, name, string(files[name]))
	}
	h := &headers{identity: contentKey(parts...)}
	dir := filepath.Join(cache, "include", h.identity[:16])
	if _, err := os.Stat(dir); err != nil {
		if err := makeFolder(dir, files); err != nil {
			return nil, fmt.Errorf("open headers: %w", err)
		}
	}
	h.mounts = append(h.mounts, mount{dir, jailHeaders})
	for _, s := range systemHeaders {
		// Debian 13 has links in place of the files of asm, to a folder that the jail must see.
		file, err := filepath.EvalSymlinks(filepath.Join(s.source, s.file))
		if err != nil {
			continue
		}
		h.mounts = append(h.mounts, mount{filepath.Dir(file), s.target})
		if s.versioned {
			text, _ := os.ReadFile(file)
			h.identity += " " + contentKey(string(text))[:16]
		}
	}
	return h, nil
}

func collectHeaders(libbpf string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(ownHeaders, "include", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := ownHeaders.ReadFile(path)
		files[strings.TrimPrefix(path, "include/")] = text
		return err
	})
	if err != nil {
		return nil, err
	}
	paths, _ := filepath.Glob(filepath.Join(libbpf, "*.h"))
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no headers; install libbpf's (Debian: apt-get install libbpf-dev)", libbpf)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := "bpf/" + filepath.Base(path)
		if name == helperDefinitions {
			text = slices.Concat(fmt.Appendf(nil, "# 1 %q 3\n", name), text) // as in withoutChecksum
		}
		files[name] = text
	}
	return files, nil
}

// helperDefinitions is the largest of libbpf's headers, and the one without an include guard, which would have to
// come first.
const helperDefinitions = "bpf/bpf_helper_defs.h"

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// makeFolder makes a folder with these files that is there whole or not at all.
func makeFolder(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	for name, text := range files {
		path := filepath.Join(temporary, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return publish(temporary, dir)
}

// publish gives a finished folder its name. If another process was faster, its folder has the
// same content and stays.
func publish(temporary, dir string) error {
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	err := os.Rename(temporary, dir)
	if errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}

// The two headers of a kernel.
const (
	// headerTrimmed holds the types that programs start from (roots.go) and what they lead to,
	// pointers followed twice. It is small, so it is fast and clashes with few names of a program.
	headerTrimmed = "trimmed"
	// headerWhole holds every type of the kernel.
	headerWhole = "whole"
)

const (
	headerName = "vmlinux.h"
	namesName  = "missing-names"
)

// precompiled are the beginnings of programs that are kept precompiled. Nearly all include bpf_helpers.h, whose
// declarations take as long to read as the program itself. A program gets only what it includes, so that
// one that forgets a header fails here as it would elsewhere.
//
// The source includes the header, and is not the header itself: of the file that it precompiles, clang does
// not remember the include guard, and would read through all of it at every #include.
var precompiled = []struct {
	name, text string
	helpers    bool
}{
	{"types", "#include \"vmlinux.h\"\n", false},
	{"helpers", "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n", true},
}

// pchName is the precompiled header for a source.
func pchName(s scan) string {
	for _, p := range precompiled {
		if p.helpers == s.helpers {
			return p.name + ".pch"
		}
	}
	return ""
}

// pchLimits are for precompiling a header of ours, which takes a second for the whole one.
var pchLimits = Limits{CPU: 60 * time.Second, Wall: 120 * time.Second, Memory: 2 << 30, Object: 512 << 20}

// header is a kernel's vmlinux.h, plain and precompiled, in a folder of the cache.
type header struct {
	dir, kind string
}

// headerKey names the headers of a kernel.
func (c *Compiler) headerKey(k Kernel) string {
	parts := []string{"header 4", k.ID, c.identity(), strconv.Itoa(rootDepth)}
	parts = append(parts, rootNames...)
	parts = append(parts, rootPrefixes...)
	return contentKey(append(parts, targetArguments...)...)[:16]
}

// Prepare makes the headers of a kernel if they are not in the cache. Compile does so by itself;
// this is for setting up a machine, so that the first compile does not wait.
func (c *Compiler) Prepare(ctx context.Context, k Kernel) error {
	for _, kind := range []string{headerTrimmed, headerWhole} {
		if _, err := c.openHeader(ctx, k, kind); err != nil {
			return err
		}
	}
	return nil
}

// attempts says which header a source most likely needs, and how to get the other one.
func (c *Compiler) attempts(ctx context.Context, k Kernel, s scan) (*header, func() (*header, error), error) {
	trimmed, err := c.openHeader(ctx, k, headerTrimmed)
	if err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(filepath.Join(trimmed.dir, namesName))
	if err != nil {
		return nil, nil, fmt.Errorf("open header: %w", err)
	}
	if !slices.ContainsFunc(s.names, nameList(text).has) {
		return trimmed, func() (*header, error) { return c.openHeader(ctx, k, headerWhole) }, nil
	}
	whole, err := c.openHeader(ctx, k, headerWhole)
	return whole, func() (*header, error) { return trimmed, nil }, err
}

// openHeader gives a kernel's header, making it first if the cache has none. Of several
// processes that need it one makes it and the others wait.
func (c *Compiler) openHeader(ctx context.Context, k Kernel, kind string) (*header, error) {
	h := &header{filepath.Join(c.options.CacheDir, "kernels", c.headerKey(k), kind), kind}
	if h.complete() {
		return h, nil
	}
	if k.BTF == nil {
		return nil, fmt.Errorf("make the header of kernel %s: no type information (BTF) was given", k.ID)
	}
	unlock, err := lockFile(h.dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("make the header of kernel %s: %w", k.ID, err)
	}
	defer unlock()
	if h.complete() {
		return h, nil
	}
	if err := c.makeHeader(ctx, k, h); err != nil {
		return nil, fmt.Errorf("make the header of kernel %s: %w", k.ID, err)
	}
	return h, nil
}

func (h *header) complete() bool {
	_, err := os.Stat(filepath.Join(h.dir, headerName))
	return err == nil
}

// lockFile waits until no other process or goroutine holds the lock. Whoever holds it does so for
// seconds at most (pchLimits).
func lockFile(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// makeHeader writes the header, the names that it lacks, and precompiles it.
func (c *Compiler) makeHeader(ctx context.Context, k Kernel, h *header) error {
	spec, err := k.BTF()
	if err != nil {
		return err
	}
	text, missing, err := writeHeader(spec, h.kind)
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(h.dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	files := map[string][]byte{headerName: text, namesName: missing}
	for _, p := range precompiled {
		files[p.name+".h"] = []byte(p.text)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(temporary, name), text, 0o644); err != nil {
			return err
		}
	}
	for _, p := range precompiled {
		pch, err := c.precompile(ctx, &header{temporary, h.kind}, p.name+".h")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(temporary, p.name+".pch"), pch, 0o644); err != nil {
			return err
		}
	}
	return publish(temporary, h.dir)
}

// precompile has no need of timestamps: the folder never changes once it has its name.
func (c *Compiler) precompile(ctx context.Context, h *header, source string) ([]byte, error) {
	run := c.command(h)
	run.limits = pchLimits.withDefaults()
	run.args = append(run.args, argumentsFor(actionPCH, 20)...)
	run.args = append(run.args, "-fno-pch-timestamp", "-main-file-name", source, "-x", "c-header", jailKernel+"/"+source)
	out, err := c.jail.run(ctx, run)
	if err != nil {
		return nil, err
	}
	if out.stopped != nil {
		return nil, fmt.Errorf("precompile %s: %w", source, out.stopped)
	}
	if out.exit != 0 || len(out.stdout) == 0 {
		return nil, fmt.Errorf("precompile %s: status %d: %s", source, out.exit, excerpt(out.stderr))
	}
	return out.stdout, nil
}
