//go:build linux

package load

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/progfacts"
	"github.com/skep-dev/skep/internal/wire"
)

// A Result is what the kernel said about one program.
type Result struct {
	Row wire.Program
	// Log is the verifier's, if the program was rejected or the whole log
	// was asked for.
	Log       string
	Truncated bool
	// Err is nil if the program was loaded, else a *end.Error.
	Err error
	// Uncounted says why a loaded program does not count what ring buffers
	// refuse, although the options ask for it.
	Uncounted error
}

// Load loads one program of the object. Its maps have to exist.
func (l *Loader) Load(spec *ebpf.ProgramSpec) Result {
	result := Result{Row: wire.Program{
		Name: spec.Name, Section: spec.SectionName, Type: spec.Type.String(),
		Instructions: instructions(spec),
	}}
	if spec.Type == ebpf.UnspecifiedProgram {
		result.fail(end.New(wire.StateBadObject, nil,
			"section %q of program %s is not one that says what kind of program it is", spec.SectionName, spec.Name).Of(spec.Name))
		return result
	}
	prepared, err := l.prepare(spec)
	if err != nil {
		result.fail(err)
		return result
	}
	begin := time.Now()
	changes := amendmentOf(spec)
	program, log, err := l.attempt(prepared, changes)
	result.Row.Seconds = time.Since(begin).Seconds()
	if err != nil {
		result.Log, result.Truncated, err = l.rejected(prepared, spec, log, err)
		result.Row.Verified, result.Row.States = statistics(result.Log)
		result.fail(err)
		return result
	}
	l.programs[spec.Name] = program
	result.Row.Loaded = true
	result.Row.Verified, result.Row.States = statistics(log.text)
	if l.opts.WholeLog {
		result.Log, result.Truncated = log.text, log.truncated
	}
	if facts, err := progfacts.Of(program); err == nil {
		if facts.Verified != 0 {
			result.Row.Verified = facts.Verified
		}
		result.Row.JITed = facts.JITed
	}
	result.Uncounted = l.countRefused(prepared, changes)
	return result
}

func (r *Result) fail(err error) {
	r.Err = err
	r.Row.Error = err.Error()
	if typed, ok := errors.AsType[*end.Error](err); ok {
		r.Row.Error = typed.Message
	}
}

// instructions counts as the kernel does: a 64-bit load is two.
func instructions(spec *ebpf.ProgramSpec) int {
	return int(spec.Instructions.Size() / asm.InstructionSize)
}

// prepare points the program's map references at the loader's maps, so that
// the library does not create them once more.
func (l *Loader) prepare(spec *ebpf.ProgramSpec) (*ebpf.ProgramSpec, error) {
	prepared := spec.Copy()
	for i := range prepared.Instructions {
		instruction := &prepared.Instructions[i]
		name := instruction.Reference()
		if !instruction.IsLoadFromMap() || name == "" {
			continue
		}
		m := l.maps[name]
		if m == nil {
			return nil, end.New(wire.StateBadObject, nil, "program %s uses %q, which is not a map of the object", spec.Name, name).Of(spec.Name)
		}
		if err := instruction.AssociateMap(m); err != nil {
			return nil, end.New(wire.StateBadObject, err, "program %s uses map %q in a way that cannot be: %v", spec.Name, name, err).Of(spec.Name)
		}
	}
	return prepared, l.target(prepared)
}

// target finds the program that a freplace program replaces a function of:
// one of the same object, as there is no other in the machine.
func (l *Loader) target(spec *ebpf.ProgramSpec) error {
	if spec.Type != ebpf.Extension {
		return nil
	}
	for _, other := range l.object.Programs {
		program := l.programs[other.Name]
		if program == nil || other.Type == ebpf.Extension || !hasFunction(other, spec.AttachTo) {
			continue
		}
		spec.AttachTarget = program
		return nil
	}
	return end.New(wire.StateCannotAttach, nil,
		"program %s replaces function %q of another program, and no program of this object that comes before it has such a global function",
		spec.Name, spec.AttachTo).Of(spec.Name)
}

func hasFunction(spec *ebpf.ProgramSpec, name string) bool {
	for i := range spec.Instructions {
		if spec.Instructions[i].Symbol() == name {
			return true
		}
	}
	return false
}

// attempt loads a prepared program once with the log that the options ask for.
func (l *Loader) attempt(spec *ebpf.ProgramSpec, a amendment) (*ebpf.Program, verifierLog, error) {
	if l.opts.WholeLog {
		return l.attemptWithLog(spec, a)
	}
	if a != (amendment{}) {
		return l.amended(spec, a)
	}
	options := l.options()
	// Only the closing statistics: next to nothing to write, and in a
	// rejection the verifier's last words.
	options.Programs.LogLevel = ebpf.LogLevelStats
	program, err := l.one(spec, options)
	if err != nil {
		return nil, logOf(err), err
	}
	return program, verifierLog{text: program.VerifierLog}, nil
}

// attemptWithLog loads with everything the verifier has to say. A log that
// does not fit makes the kernel refuse a program that it would take; that one
// is loaded once more without.
func (l *Loader) attemptWithLog(spec *ebpf.ProgramSpec, a amendment) (*ebpf.Program, verifierLog, error) {
	whole := a
	whole.logLevel = uint32(ebpf.LogLevelInstruction | ebpf.LogLevelStats)
	whole.logBytes = l.opts.LogBytes
	program, log, err := l.amended(spec, whole)
	if err == nil || !log.truncated {
		return program, log, err
	}
	program, short, err := l.amended(spec, a)
	log.text += "\n[...]\n" + short.text
	return program, log, err
}

// one loads a single program through a collection of one: only collections
// take the cache of the kernel's types.
func (l *Loader) one(spec *ebpf.ProgramSpec, options ebpf.CollectionOptions) (*ebpf.Program, error) {
	collection, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Programs:  map[string]*ebpf.ProgramSpec{spec.Name: spec},
		ByteOrder: l.object.Spec.ByteOrder,
	}, options)
	if err != nil {
		return nil, err
	}
	return collection.Programs[spec.Name], nil
}

// Finish fills what could not be filled before the programs were there.
func (l *Loader) Finish() error { return l.fillProgramArrays() }

// A verifierLog is one buffer that the verifier wrote.
type verifierLog struct {
	text      string
	truncated bool
}

func logOf(err error) verifierLog {
	if rejected, ok := errors.AsType[*ebpf.VerifierError](err); ok {
		return verifierLog{text: strings.Join(rejected.Log, "\n")}
	}
	return verifierLog{}
}

// statistics takes the instructions that the verifier went through, and its
// states, out of a log: what is known also of a program that was rejected. It
// is the line "processed 12 insns (limit 1000000) max_states_per_insn 0 …" at
// the end of print_verification_stats (kernel/bpf/verifier.c). Every run comes
// by, so it is no regular expression, whose code would have to be translated.
func statistics(log string) (verified uint32, states string) {
	for line := range strings.Lines(log) {
		rest, ok := strings.CutPrefix(line, "processed ")
		if !ok {
			continue
		}
		count, rest, ok := strings.Cut(rest, " insns (limit ")
		n, err := strconv.ParseUint(count, 10, 32)
		_, states, closed := strings.Cut(rest, ") ")
		if ok && closed && err == nil {
			return uint32(n), strings.TrimRight(states, "\r\n")
		}
	}
	return 0, ""
}
