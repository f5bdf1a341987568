// Package compile turns the C source of a BPF program into an object: in a jail, against the
// types of one kernel, with diagnostics as values.
//
// The compiler is bpfcc, a small static build of clang's BPF half (folder bpfcc), or clang 19
// itself. Both take the same arguments and give the same bytes. Headers and precompiled headers of
// each kernel are kept in a cache, and so are objects.
package compile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/cilium/ebpf/btf"
)

// Options say how a Compiler works.
type Options struct {
	// CacheDir is the folder for headers, precompiled headers and objects. It is made if needed.
	CacheDir string
	// Program is the path of bpfcc. If empty, clang 19 is looked for where distributions put it.
	Program string
	// BPFHeaders is the folder with libbpf's headers. Default /usr/include/bpf (libbpf-dev).
	BPFHeaders string
	// ObjectCache is the size in bytes that cached objects may take. Default 256 MiB.
	ObjectCache int64
	// Parallel is how many compiles may run at once, further ones wait. Default: the processors.
	Parallel int
	// Limits hold for each compile.
	Limits Limits
}

// Kernel is what has to be known of a kernel to compile for it.
type Kernel struct {
	// ID names the very build of the kernel: another ID, other headers.
	ID string
	// BTF reads the kernel's type information. It is called only to make headers.
	BTF func() (*btf.Spec, error)
}

// Request is one source to compile.
type Request struct {
	// Name of the source file, without folder: "prog.bpf.c". It is what diagnostics and the object's
	// debug information say.
	Name string
	// Source is its text.
	Source []byte
	// Kernel gives the types in vmlinux.h.
	Kernel Kernel
	// Defines are macros as in -D: "NAME" or "NAME=VALUE".
	Defines []string
}

// Result is what came of a compile.
type Result struct {
	// Object is the ELF file with BTF and DWARF, nil if the source has errors.
	Object []byte
	// Diagnostics in the order of the compiler. If Object is nil at least one is an error.
	Diagnostics []Diagnostic
	// Cached tells that the object was not compiled now.
	Cached bool
	// Header says which vmlinux.h was used: "", "trimmed" or "whole".
	Header string
	// Duration from the call to the result.
	Duration time.Duration
}

// Errors about a request. Everything that is wrong inside the source is a Diagnostic instead.
var (
	ErrSourceTooLarge = errors.New("the source is too large")
	ErrName           = errors.New("not a name for a C file")
	ErrDefine         = errors.New("not a macro definition")
)

// Compiler compiles. It may be used by several goroutines at once.
type Compiler struct {
	options Options
	limits  Limits
	jail    *jail
	program *program
	headers *headers
	objects *objectCache
	slots   chan struct{}
	waiting *waiting
}

// New opens the compiler and the cache. It fails with ErrNoJail or ErrNoCompiler if this machine
// lacks what is needed.
func New(o Options) (*Compiler, error) {
	if o.CacheDir == "" {
		return nil, errors.New("open compiler: no cache folder was given")
	}
	setDefault(&o.BPFHeaders, "/usr/include/bpf")
	setDefault(&o.ObjectCache, 256<<20)
	setDefault(&o.Parallel, runtime.GOMAXPROCS(0))
	dir, err := filepath.Abs(o.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("open compiler: %w", err)
	}
	o.CacheDir = dir

	c := &Compiler{options: o, limits: o.Limits.withDefaults(), slots: make(chan struct{}, o.Parallel)}
	if c.jail, err = newJail(); err != nil {
		return nil, err
	}
	if c.program, err = openProgram(o.Program); err != nil {
		return nil, err
	}
	if c.headers, err = openHeaders(dir, o.BPFHeaders); err != nil {
		return nil, err
	}
	c.objects = &objectCache{dir: filepath.Join(dir, "objects"), limit: o.ObjectCache}
	c.waiting = newWaiting(c.jail.startPartner)
	return c, nil
}

// Close kills the compilers that wait and returns when none is left. Nothing may be compiled any more.
func (c *Compiler) Close() error {
	c.waiting.close()
	c.jail.running.Wait()
	return nil
}

// Keep has n compilers wait for sources that include a kernel's vmlinux.h and bpf_helpers.h, as nearly all do:
// started, in their jails, with the header at hand. Each takes one source; another takes its
// place when nothing has been compiled for a moment. What finds none ready is compiled by one that is started for it.
// Keep returns when they are ready; they wait until Close, or until Keep is told another number. If the compiler is
// clang, none wait.
func (c *Compiler) Keep(ctx context.Context, k Kernel, n int) error {
	if !c.program.own {
		return nil
	}
	h, err := c.openHeader(ctx, k, headerTrimmed)
	if err != nil {
		return err
	}
	c.waiting.keep(c.partnerCommand(h, scan{vmlinux: true, helpers: true}), n)
	return c.Ready(ctx)
}

// Ready returns when as many compilers wait as Keep was told.
func (c *Compiler) Ready(ctx context.Context) error { return c.waiting.full(ctx) }

// Waiting are the processes whose descendants are the compilers that wait, for measuring.
func (c *Compiler) Waiting() []int { return c.waiting.pids() }

// Compiler's identity changes whenever the bytes that it makes may: with the compiler and with
// the headers that are not a kernel's.
func (c *Compiler) identity() string {
	return c.program.identity + " " + c.headers.identity
}

// Compile compiles one source. The error is about the request, the machine or the context, never
// about what the source says.
func (c *Compiler) Compile(ctx context.Context, r Request) (*Result, error) {
	begin := time.Now()
	if err := c.check(r); err != nil {
		return nil, err
	}
	// A compiler that waits may be done before it hears of the end.
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compile %s: %w", r.Name, context.Cause(ctx))
	}
	s := scanSource(r.Source)
	key := c.objectKey(r, s)
	result := c.objects.load(key)
	if result == nil {
		var err error
		if result, err = c.compile(ctx, r, s); err != nil {
			return nil, fmt.Errorf("compile %s: %w", r.Name, err)
		}
		if result.Object != nil {
			c.objects.store(key, result)
		}
	}
	result.Duration = time.Since(begin)
	return result, nil
}

var (
	// A colon would make clang's diagnostics ambiguous, a dash at the front an option of the name.
	namePattern   = regexp.MustCompile(`^[^-./:"\\\x00-\x1f\x7f][^/:"\\\x00-\x1f\x7f]{0,199}$`)
	definePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(=[^\x00]*)?$`)
)

func (c *Compiler) check(r Request) error {
	if !namePattern.MatchString(r.Name) {
		return fmt.Errorf("compile %q: %w; use letters, digits, dots and dashes", r.Name, ErrName)
	}
	if len(r.Source) > c.limits.Source {
		return fmt.Errorf("compile %s: %w: it has %d bytes, at most %d are taken",
			r.Name, ErrSourceTooLarge, len(r.Source), c.limits.Source)
	}
	for _, d := range r.Defines {
		if !definePattern.MatchString(d) {
			return fmt.Errorf("compile %s: %w: %q; use NAME or NAME=VALUE", r.Name, ErrDefine, d)
		}
	}
	return nil
}

func (c *Compiler) objectKey(r Request, s scan) string {
	parts := []string{"object 1", c.identity(), r.Name, string(r.Source)}
	if s.vmlinux {
		parts = append(parts, c.headerKey(r.Kernel))
	}
	parts = append(parts, argumentsFor(actionObject, c.limits.Errors)...)
	return contentKey(append(parts, r.Defines...)...)
}

// compile waits for its turn and compiles.
func (c *Compiler) compile(ctx context.Context, r Request, s scan) (*Result, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c.waiting.begin()
	defer c.waiting.end()
	if !s.vmlinux {
		return c.attempt(ctx, r, nil, s)
	}
	result, h, err := c.compileWithHeader(ctx, r, s)
	if err != nil || s.textual || !suggestionsMissing(result.Diagnostics) {
		return result, err
	}
	s.textual = true
	return c.attempt(ctx, r, h, s)
}

// compileWithHeader runs the compiler with the header that the source seems to need and, if names are
// missing then, with the other one.
func (c *Compiler) compileWithHeader(ctx context.Context, r Request, s scan) (*Result, *header, error) {
	first, second, err := c.attempts(ctx, r.Kernel, s)
	if err != nil {
		return nil, nil, err
	}
	result, err := c.attempt(ctx, r, first, s)
	if err != nil || result.Object != nil || !otherHeaderMayHelp(result.Diagnostics) {
		return result, first, err
	}
	other, err := second()
	if err != nil {
		return nil, nil, err
	}
	again, err := c.attempt(ctx, r, other, s)
	if err != nil {
		return nil, nil, err
	}
	if again.Object != nil || countErrors(again.Diagnostics) < countErrors(result.Diagnostics) {
		return again, other, nil
	}
	return result, first, nil
}

// attempt runs the compiler once.
func (c *Compiler) attempt(ctx context.Context, r Request, h *header, s scan) (*Result, error) {
	var args []string
	if !s.shows {
		args = append(args, "-D", "SKEP_UNUSED") // skep.h then defines no map
	}
	for _, d := range r.Defines {
		args = append(args, "-D", d)
	}
	args = append(args, "-main-file-name", r.Name, "-x", "c", r.Name)
	var out *outcome
	var err error
	if c.program.own {
		out, err = c.ask(ctx, c.partnerCommand(h, s), encodeRequest(args, r.Source))
	} else {
		run := c.sourceCommand(h, s)
		run.args = append(run.args, args...)
		run.files = map[string][]byte{jailWork + "/" + r.Name: r.Source}
		out, err = c.jail.run(ctx, run)
	}
	if err != nil {
		return nil, err
	}
	result, err := resultOf(out, r, c.limits)
	if err == nil && h != nil {
		result.Header = h.kind
	}
	return result, err
}

// ask lets a compiler that waits do it, or one that is started now.
func (c *Compiler) ask(ctx context.Context, run command, request []byte) (*outcome, error) {
	if p := c.waiting.take(run); p != nil {
		if out, err := p.ask(ctx, request); !errors.Is(err, errUnheard) {
			return out, err
		}
	}
	p, err := c.jail.startPartner(run)
	if err != nil {
		return nil, err
	}
	return p.ask(ctx, request)
}

// partnerCommand is bpfcc for sources that are yet to come.
func (c *Compiler) partnerCommand(h *header, s scan) command {
	run := c.sourceCommand(h, s)
	run.args = append([]string{"-lean", "-wait"}, run.args...)
	return run
}

// sourceCommand is the compiler without what differs from source to source.
func (c *Compiler) sourceCommand(h *header, s scan) command {
	run := c.command(h)
	run.args = append(run.args, argumentsFor(actionObject, c.limits.Errors)...)
	if h != nil && !s.textual {
		run.args = append(run.args, "-include-pch", jailKernel+"/"+pchName(s))
	}
	return run
}

// command is the compiler in its jail with what every compile needs; h may be nil.
func (c *Compiler) command(h *header) command {
	run := command{path: jailCompiler, env: c.program.env, limits: c.limits}
	run.env = append(run.env, [2]string{"LLVM_DISABLE_SYMBOLIZATION", "1"})
	run.mounts = append(run.mounts, c.program.mounts...)
	run.mounts = append(run.mounts, c.headers.mounts...)
	if h != nil {
		run.mounts = append(run.mounts, mount{h.dir, jailKernel})
	}
	return run
}
