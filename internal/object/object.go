// Package object says what is in a compiled BPF object, on the host, before
// it goes to a machine: programs, maps, global variables, source lines, and
// of which type the records are that the programs emit.
//
// Objects are hostile input: what they may make us allocate is bounded, and no
// object makes a function of this package panic.
package object

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// An Object is what one ELF file holds. It is safe for use by several
// goroutines as long as nobody changes what Spec points to.
type Object struct {
	// Spec is the object as cilium/ebpf reads it. Spec.Types is nil if the
	// object has no BTF.
	Spec *ebpf.CollectionSpec
	// Programs, by section in the file, then by name.
	Programs []Program
	// Maps, by name; data sections are not among them.
	Maps []Map
	// Globals, by section, then by offset.
	Globals []Global
	// Sections are the data sections (.data, .bss, .rodata and variants).
	Sections []DataSection
	// License as the kernel sees it; empty if there is none.
	License string
	// HasBTF and HasDWARF say what debug information there is.
	HasBTF, HasDWARF bool

	img       *image
	symbols   []symbol
	functions map[string]*function

	// mu guards what is worked out when it is first asked for.
	mu        sync.Mutex
	debugRead bool
	debug     *debugInfo // nil without usable DWARF
	emitsRead bool
	emits     []EmitSite
	ownRead   bool
	own       []btf.Type
	// ownVariants are own by name.
	ownVariants map[string][]btf.Type
	// definitions are the names of the types by which maps are defined.
	definitions map[string]bool
}

// A Program is one entry point with the subprograms that it calls.
type Program struct {
	Name    string
	Section string
	Type    ebpf.ProgramType
	// Attach and AttachTo are what the section's name says.
	Attach   ebpf.AttachType
	AttachTo string
	// Instructions counts 8-byte instructions, subprograms included.
	Instructions int
	// Lines map instructions to source lines, by instruction.
	Lines []Line
	// Functions are the names of the program's own function and of its
	// subprograms, in the order in which they are linked.
	Functions []string
}

// A Line says where an instruction comes from.
type Line struct {
	// Instruction is the index of the 8-byte instruction in the linked
	// program, as the verifier counts.
	Instruction int
	File        string // as the compiler was told
	Line        int    // from 1
	Column      int    // from 1; 0 if unknown
	Text        string // the source line
}

// A Map is a map definition.
type Map struct {
	Name       string
	Type       ebpf.MapType
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	// Key and Value are nil where the object does not say.
	Key, Value btf.Type
	// Legacy maps are defined in a maps section, without types.
	Legacy bool
}

// A Global is a variable in a data section.
type Global struct {
	Name    string
	Section string
	Offset  uint32 // in the section, in bytes
	Size    uint32 // in bytes
	Type    btf.Type
	// Static variables cannot be set by name from outside.
	Static bool
}

// A DataSection is a section of global variables; the kernel sees a map of
// one element.
type DataSection struct {
	Name     string
	Size     uint32
	ReadOnly bool
	// Type is nil without BTF.
	Type *btf.Datasec
}

// Read parses an object. Every error is an [*Error].
func Read(data []byte) (*Object, error) {
	img, err := parseImage(data)
	if err != nil {
		return nil, err
	}
	symbols, err := img.symbols()
	if err != nil {
		return nil, corrupted(err)
	}
	for _, check := range []func() error{
		func() error { return img.checkPrograms(symbols) },
		img.checkBTF,
		func() error { return img.checkGrowth(symbols) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	o := &Object{img: img, symbols: symbols}
	if err := o.load(); err != nil {
		return nil, err
	}
	return o, nil
}

// load runs the loader's parser, which may panic on hostile input.
func (o *Object) load() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = corrupted(fmt.Errorf("%w: %v", errPanic, r))
		}
	}()
	o.Spec, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader(o.img.file))
	if err != nil {
		return refused(err)
	}
	if len(o.Spec.Programs) == 0 {
		return failure(ErrNoPrograms, nil, "The object has no programs: a program is a function with SEC(\"...\") before it.")
	}
	o.HasBTF = o.Spec.Types != nil
	o.HasDWARF = o.img.section(".debug_info") != nil || o.img.section(".zdebug_info") != nil
	o.readPrograms()
	o.readMaps()
	o.readGlobals()
	return nil
}

// refusals turn the loader's words for common mistakes into ours. The first
// match counts.
var refusals = []struct{ contains, sentence string }{
	{"erroneous static qualifier on map", "A map is declared static; maps must be global: remove the word static."},
	{"got '.struct_ops' section", "The section .struct_ops is not supported; use SEC(\".struct_ops.link\")."},
	{"load BTF: ", ""},
	{"load relocations: ", ""},
	{"load symbols: ", ""},
}

func refused(cause error) *Error {
	text := cause.Error()
	for _, r := range refusals {
		if strings.Contains(text, r.contains) {
			if r.sentence == "" && !errors.Is(cause, ebpf.ErrNotSupported) {
				return corrupted(cause)
			}
			if r.sentence != "" {
				return failure(ErrRefused, cause, "%s (%v)", r.sentence, cause)
			}
		}
	}
	return failure(ErrRefused, cause, "The loader cannot take this object: %v.", cause)
}

func (o *Object) readPrograms() {
	o.functions = make(map[string]*function)
	order := make(map[string]int, len(o.img.sections))
	for i := range o.img.sections {
		order[o.img.sections[i].name] = i
	}
	for name, spec := range o.Spec.Programs {
		p := Program{
			Name: name, Section: spec.SectionName, Type: spec.Type,
			Attach: spec.AttachType, AttachTo: spec.AttachTo,
		}
		o.License = spec.License
		iter := spec.Instructions.Iterate()
		for iter.Next() {
			if symbol := iter.Ins.Symbol(); symbol != "" {
				p.Functions = append(p.Functions, symbol)
			}
			if line, ok := iter.Ins.Source().(*btf.Line); ok {
				p.Lines = append(p.Lines, Line{
					Instruction: int(iter.Offset), File: line.FileName(),
					Line: int(line.LineNumber()), Column: int(line.LineColumn()), Text: line.Line(),
				})
			}
		}
		p.Instructions = int(spec.Instructions.Size() / asm.InstructionSize)
		o.readFunctions(&p, spec.Instructions)
		o.Programs = append(o.Programs, p)
	}
	slices.SortFunc(o.Programs, func(a, b Program) int {
		return cmp.Or(cmp.Compare(order[a.Section], order[b.Section]), cmp.Compare(a.Name, b.Name))
	})
	for _, f := range o.functions {
		slices.Sort(f.programs)
	}
}

func (o *Object) readMaps() {
	for name, spec := range o.Spec.Maps {
		if strings.HasPrefix(name, ".") {
			continue
		}
		o.Maps = append(o.Maps, Map{
			Name: name, Type: spec.Type, KeySize: spec.KeySize, ValueSize: spec.ValueSize,
			MaxEntries: spec.MaxEntries, Flags: spec.Flags, Key: spec.Key, Value: spec.Value,
			Legacy: o.isLegacyMap(name),
		})
	}
	slices.SortFunc(o.Maps, func(a, b Map) int { return cmp.Compare(a.Name, b.Name) })
}

func (o *Object) isLegacyMap(name string) bool {
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.name == name && int(s.section) < len(o.img.sections) {
			return strings.HasPrefix(o.img.sections[s.section].name, "maps")
		}
	}
	return false
}

// readGlobals takes variables from BTF, which has the static ones too, or else
// from the symbols that the loader found.
func (o *Object) readGlobals() {
	for name, spec := range o.Spec.Maps {
		if !strings.HasPrefix(name, ".") || name == ".kconfig" || name == ".ksyms" || spec.Type != ebpf.Array {
			continue
		}
		s := DataSection{Name: name, Size: spec.ValueSize, ReadOnly: strings.HasPrefix(name, ".rodata")}
		s.Type, _ = spec.Value.(*btf.Datasec)
		o.Sections = append(o.Sections, s)
		if s.Type != nil {
			o.addTypedGlobals(s.Type, s.Size)
		}
	}
	for name, v := range o.Spec.Variables {
		if v.Type == nil {
			o.Globals = append(o.Globals, Global{Name: name, Section: v.SectionName, Offset: v.Offset, Size: v.Size()})
		}
	}
	slices.SortFunc(o.Sections, func(a, b DataSection) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Globals, func(a, b Global) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Name, b.Name))
	})
}

func (o *Object) addTypedGlobals(section *btf.Datasec, size uint32) {
	for _, v := range section.Vars {
		variable, ok := v.Type.(*btf.Var)
		if !ok || v.Offset > size || v.Size > size-v.Offset {
			continue
		}
		o.Globals = append(o.Globals, Global{
			Name: variable.Name, Section: section.Name, Offset: v.Offset, Size: v.Size,
			Type: variable.Type, Static: variable.Linkage == btf.StaticVar,
		})
	}
}
