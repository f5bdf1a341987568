//go:build linux

package load

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/guest/feature"
)

// Options say how a Loader works.
type Options struct {
	// Types is the process's one cache of the kernel's BTF. Decoding it costs
	// a hundred times what a load costs.
	Types *btf.Cache
	// WholeLog asks for the verifier's whole log also of programs that it
	// takes.
	WholeLog bool
	// LogBytes bounds each log. 0 means MaxLog.
	LogBytes int
	// CountRefused has the programs count what ring buffers refuse.
	CountRefused bool
}

// MaxLog is the most that is kept of one verifier log. The buffer is reserved
// whole but costs memory only as far as the kernel writes.
const MaxLog = 16 << 20

// A Loader holds what of an object is in the kernel.
type Loader struct {
	object   *Object
	opts     Options
	kernel   feature.Version
	maps     map[string]*ebpf.Map
	programs map[string]*ebpf.Program
	tally    *tally // nil until a program needs it
}

// NewLoader makes a loader for a parsed object.
func NewLoader(object *Object, opts Options) *Loader {
	if opts.LogBytes <= 0 || opts.LogBytes > MaxLog {
		opts.LogBytes = MaxLog
	}
	return &Loader{
		object: object, opts: opts, kernel: feature.Running(),
		maps:     make(map[string]*ebpf.Map),
		programs: make(map[string]*ebpf.Program),
	}
}

// Map gives a map that was created, or nil.
func (l *Loader) Map(name string) *ebpf.Map { return l.maps[name] }

// Program gives a program that was loaded, or nil.
func (l *Loader) Program(name string) *ebpf.Program { return l.programs[name] }

// Close drops all maps and programs. A machine that is thrown away after its
// run needs no Close.
func (l *Loader) Close() {
	for _, program := range l.programs {
		_ = program.Close()
	}
	for _, m := range l.maps {
		if m.IsPinned() {
			_ = m.Unpin()
		}
		_ = m.Close()
	}
	if l.tally != nil && l.tally.counts != nil {
		_ = l.tally.counts.Close()
	}
}

func (l *Loader) options() ebpf.CollectionOptions {
	return ebpf.CollectionOptions{
		Maps:  ebpf.MapOptions{PinPath: pinPath},
		Cache: l.opts.Types,
	}
}
