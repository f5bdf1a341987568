// Package typecheck finds errors in the C source of a BPF program within a millisecond or so, without a compiler:
// it runs the checker (folder checker, a WebAssembly module made of TCC's front end), the same that a page runs.
//
// Headers are read once. Each check begins with a copy of the memory behind them and reads only the source.
package typecheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
)

// SourceMax is the largest source in bytes that is checked.
const SourceMax = 1 << 20

// Engine is the checker's module, compiled. Several kernels' headers can be read by one.
type Engine struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

// New compiles the module (libexec.Checker), which takes a moment; what comes of it is kept in the folder cache, if one
// is named.
func New(ctx context.Context, module []byte, cache string) (*Engine, error) {
	// 64 MiB are the module's own limit as well. The end of a context does not end a check: asking for it in every
	// loop makes checks ten times slower, and the module counts its steps itself.
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(1024)
	if cache != "" {
		compilations, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, fmt.Errorf("open the checker: %w", err)
		}
		config = config.WithCompilationCache(compilations)
	}
	r := wazero.NewRuntimeWithConfig(ctx, config)
	compiled, err := r.CompileModule(ctx, module)
	if err != nil {
		_ = r.Close(ctx)
		return nil, fmt.Errorf("open the checker: %w", err)
	}
	return &Engine{r, compiled}, nil
}

// Close ends all checks and frees everything, Checkers included.
func (e *Engine) Close() error {
	return e.runtime.Close(context.Background())
}

// Header is a header that programs may include.
type Header struct {
	// Name is how programs include it: "bpf/bpf_helpers.h".
	Name string
	Text []byte
}

// File is a file that a source includes besides, such as one that lies beside it.
type File struct {
	Name string
	Text []byte
}

// Options of one check.
type Options struct {
	// Files that the source, or one of them, includes.
	Files []File
	// Types asks for Result.Types, Calls and Functions.
	Types bool
}

// Checker checks sources against the headers that it was made with. It may be used by several goroutines at once.
type Checker struct {
	engine *Engine
	frozen []byte
	// idle instances; a nil stands for one that is yet to be made.
	idle chan *instance
}

// WithHeaders reads headers, in an order in which each comes behind what it needs, and keeps what they declare.
func (e *Engine) WithHeaders(ctx context.Context, headers []Header) (*Checker, error) {
	first, err := e.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	c := &Checker{engine: e, idle: make(chan *instance, runtime.GOMAXPROCS(0))}
	for _, h := range headers {
		if err := first.readHeader(ctx, h); err != nil {
			_ = first.module.Close(ctx)
			return nil, err
		}
	}
	if c.frozen, err = first.freeze(ctx); err != nil {
		_ = first.module.Close(ctx)
		return nil, err
	}
	c.idle <- first
	for range cap(c.idle) - 1 {
		c.idle <- nil
	}
	return c, nil
}

func (e *Engine) instantiate(ctx context.Context) (*instance, error) {
	module, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("open the checker: %w", err)
	}
	i, err := newInstance(module)
	if err != nil {
		_ = module.Close(ctx)
		return nil, err
	}
	return i, nil
}

// errTooLarge is a diagnostic and never leaves this package.
var errTooLarge = errors.New("the source is too large")

// Check checks one source. The error is about the checker or the context, never about what the source says.
func (c *Checker) Check(ctx context.Context, source []byte, o Options) (*Result, error) {
	if len(source) > SourceMax {
		return tooLarge(len(source)), nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var i *instance
	select {
	case i = <-c.idle:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { c.idle <- i }() // nil if it is not to be used again
	if i == nil {
		fresh, err := c.engine.instantiate(ctx)
		if err != nil {
			return nil, err
		}
		if err := fresh.adopt(c.frozen); err != nil {
			_ = fresh.module.Close(ctx)
			return nil, err
		}
		i = fresh
	}
	answer, err := i.check(ctx, c.frozen, source, o)
	if errors.Is(err, errTooLarge) {
		return tooLarge(len(source)), nil
	}
	if err != nil {
		_ = i.module.Close(context.WithoutCancel(ctx))
		i = nil
		return nil, fmt.Errorf("check the source: %w", err)
	}
	var r Result
	if err := json.Unmarshal(answer, &r); err != nil {
		return nil, fmt.Errorf("check the source: the checker's answer is not JSON: %w", err)
	}
	return &r, nil
}

// Close frees the instances. No check may be running, and none follow.
func (c *Checker) Close() error {
	var err error
	for range cap(c.idle) {
		if i := <-c.idle; i != nil {
			err = errors.Join(err, i.module.Close(context.Background()))
		}
	}
	return err
}
