package typecheck

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// stackSize is where the stack ends and what a check may change begins (build.sh, stack-size). Nothing on the
// stack outlives a call.
const stackSize = 524288

// instance is one copy of the checker with a memory of its own. It serves one goroutine at a time.
type instance struct {
	module api.Module
	memory api.Memory
	stack  api.MutableGlobal
	top    uint64 // of the stack, as the module begins
	calls  map[string]api.Function
}

var exports = []string{
	"skep_reserve", "skep_header", "skep_header_error", "skep_freeze",
	"skep_begin", "skep_file", "skep_pass", "skep_next", "skep_output", "skep_output_length",
}

func newInstance(module api.Module) (*instance, error) {
	i := &instance{module: module, memory: module.Memory(), calls: map[string]api.Function{}}
	stack, ok := module.ExportedGlobal("__stack_pointer").(api.MutableGlobal)
	if !ok || i.memory == nil {
		return nil, errors.New("the checker's module has no stack or no memory: it is not one of ours")
	}
	i.stack, i.top = stack, stack.Get()
	for _, name := range exports {
		if i.calls[name] = module.ExportedFunction(name); i.calls[name] == nil {
			return nil, fmt.Errorf("the checker's module has no function %s: build it anew with 'make build'", name)
		}
	}
	return i, nil
}

// errTrap is how a pass ends that did not read all: the module traps on purpose.
var errTrap = errors.New("the checker trapped")

// call calls a function of the module. After a trap the module can be used on.
func (i *instance) call(ctx context.Context, name string, arguments ...uint64) (uint32, error) {
	var stack [2]uint64
	copy(stack[:], arguments)
	err := i.calls[name].CallWithStack(ctx, stack[:])
	if err == nil {
		return uint32(stack[0]), nil
	}
	i.stack.Set(i.top)
	return 0, fmt.Errorf("%w in %s: %w", errTrap, name, err)
}

// text reads a string that ends with a 0.
func (i *instance) text(at uint32) string {
	var text []byte
	for {
		b, ok := i.memory.ReadByte(at)
		if !ok || b == 0 {
			return string(text)
		}
		text = append(text, b)
		at++
	}
}

// readHeader has the module read a header.
func (i *instance) readHeader(ctx context.Context, h Header) error {
	size := len(h.Name) + len(h.Text)
	at, err := i.call(ctx, "skep_reserve", uint64(size))
	if err != nil {
		return err
	}
	if at == 0 {
		return fmt.Errorf("%s is too large: it has %d bytes", h.Name, len(h.Text))
	}
	i.memory.WriteString(at, h.Name)
	i.memory.Write(at+uint32(len(h.Name)), h.Text)
	bad, err := i.call(ctx, "skep_header", uint64(len(h.Name)), uint64(len(h.Text)))
	if err == nil && bad == 0 {
		return nil
	}
	reason := err
	if message, callErr := i.call(ctx, "skep_header_error"); callErr == nil && i.text(message) != "" {
		reason = errors.New(i.text(message))
	}
	return fmt.Errorf("read header %s: %w", h.Name, reason)
}

// freeze gives the memory that every check begins with.
func (i *instance) freeze(ctx context.Context) ([]byte, error) {
	top, err := i.call(ctx, "skep_freeze")
	if err != nil {
		return nil, err
	}
	frozen, ok := i.memory.Read(stackSize, top-stackSize)
	if !ok {
		return nil, errors.New("the checker's memory ends before what is to be kept of it")
	}
	return append([]byte(nil), frozen...), nil
}

// restore undoes what a check did.
func (i *instance) restore(frozen []byte) {
	i.memory.Write(stackSize, frozen)
	i.stack.Set(i.top)
}

// adopt makes a new instance one that has read the headers.
func (i *instance) adopt(frozen []byte) error {
	const page = 65536
	need := uint32((stackSize + len(frozen) + page - 1) / page)
	if have := i.memory.Size() / page; have < need {
		if _, ok := i.memory.Grow(need - have); !ok {
			return errors.New("the checker's headers need more memory than it may have")
		}
	}
	i.restore(frozen)
	return nil
}

// check runs the passes of one check and gives the answer's JSON.
func (i *instance) check(ctx context.Context, frozen, source []byte, o Options) ([]byte, error) {
	i.restore(frozen)
	types := uint64(0)
	if o.Types {
		types = 1
	}
	at, err := i.call(ctx, "skep_begin", uint64(len(source)), types)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		return nil, errTooLarge
	}
	i.memory.Write(at, source)
	for _, f := range o.Files {
		if err := i.addFile(ctx, f); err != nil {
			return nil, err
		}
	}
	for {
		if _, err := i.call(ctx, "skep_pass"); err != nil && !errors.Is(err, errTrap) {
			return nil, err
		}
		again, err := i.call(ctx, "skep_next")
		if err != nil {
			return nil, err
		}
		if again == 0 {
			return i.answer(ctx)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		i.restore(frozen)
	}
}

func (i *instance) addFile(ctx context.Context, f File) error {
	at, err := i.call(ctx, "skep_file", uint64(len(f.Name)), uint64(len(f.Text)))
	if err != nil {
		return err
	}
	if at == 0 {
		return fmt.Errorf("%s cannot be included: the file is too large, or one of too many", f.Name)
	}
	i.memory.WriteString(at, f.Name)
	i.memory.Write(at+uint32(len(f.Name))+1, f.Text)
	return nil
}

func (i *instance) answer(ctx context.Context) ([]byte, error) {
	at, err := i.call(ctx, "skep_output")
	if err != nil {
		return nil, err
	}
	length, err := i.call(ctx, "skep_output_length")
	if err != nil {
		return nil, err
	}
	answer, ok := i.memory.Read(at, length)
	if !ok {
		return nil, errors.New("the checker's answer is not in its memory")
	}
	return append([]byte(nil), answer...), nil
}
