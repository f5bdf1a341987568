package object

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/nearest"
)

// ErrNoType says that no type of a name is in the object.
var ErrNoType = errors.New("no such type")

// EventTypes is what is known of a record by the buffer it came out of and
// its size.
type EventTypes struct {
	// Exact are the types that the programs put into that buffer with that
	// size. There are several if two types have the same size.
	Exact []btf.Type
	// Candidates are guesses where Exact is empty: types of places that may
	// have emitted the record, then the author's own structs of that size.
	Candidates []btf.Type
	// Programs are those that may have emitted the record, sorted.
	Programs []string
}

// EventTypes says what a record of size bytes out of a ring buffer may be.
func (o *Object) EventTypes(mapName string, size int) EventTypes {
	return o.eventTypes(mapName, size, func(n int) int { return n })
}

// PerfEventTypes says what a record out of a perf event array may be. size is
// that of the raw sample as perf delivers it, with its padding.
func (o *Object) PerfEventTypes(mapName string, size int) EventTypes {
	return o.eventTypes(mapName, size, PerfSampleSize)
}

// PerfSampleSize gives the size of the raw sample, in bytes, that perf makes
// of a record: with its length of 4 bytes it is padded to a multiple of 8
// (the kernel's perf_sample_data, kernel/events/core.c, PERF_SAMPLE_RAW).
func PerfSampleSize(size int) int { return (size+4+7)/8*8 - 4 }

func (o *Object) eventTypes(mapName string, size int, sampled func(int) int) EventTypes {
	o.mu.Lock()
	defer o.mu.Unlock()
	var fixed, variable, any []*EmitSite
	sites := o.emitSites()
	for i := range sites {
		s := &sites[i]
		if s.Map != mapName && s.Map != "" {
			continue
		}
		any = append(any, s)
		switch {
		case s.Size < 0 || (s.Packet < 0 && s.Size <= size):
			variable = append(variable, s)
		case s.Packet >= 0 && sampled(s.Size+s.Packet) == size:
			fixed = append(fixed, s)
		}
	}
	matching := fixed
	if len(matching) == 0 {
		matching = variable
	}
	var found EventTypes
	certain := len(matching) > 0
	for _, s := range matching {
		found.Exact = appendType(found.Exact, s.Type)
		certain = certain && s.Exact && s.Type != nil
		found.Programs = union(found.Programs, s.Programs)
	}
	if certain {
		return found
	}
	if len(matching) == 0 {
		for _, s := range any {
			found.Programs = union(found.Programs, s.Programs)
		}
	}
	found.Candidates, found.Exact = found.Exact, nil
	for _, t := range o.ownTypes() {
		if n, ok := sizeof(t); ok && sampled(n) == size {
			found.Candidates = appendType(found.Candidates, t)
		}
	}
	return found
}

// Emitters gives the programs that put records into a buffer, sorted.
func (o *Object) Emitters(mapName string) []string {
	var programs []string
	for _, s := range o.EmitSites() {
		if s.Map == mapName || s.Map == "" {
			programs = union(programs, s.Programs)
		}
	}
	return programs
}

func appendType(types []btf.Type, t btf.Type) []btf.Type {
	if t == nil || slices.ContainsFunc(types, func(known btf.Type) bool { return sameType(known, t) }) {
		return types
	}
	return append(types, t)
}

// ownTypes gives the structs and unions that the author declared, in the order
// of the source as far as it is known.
func (o *Object) ownTypes() []btf.Type {
	if !o.ownRead {
		o.ownRead, o.ownVariants = true, make(map[string][]btf.Type)
		o.findOwnTypes()
	}
	return o.own
}

func (o *Object) findOwnTypes() {
	defer func() { _ = recover() }() // hostile DWARF: keep what was found
	d := o.debugInfo()
	if d == nil {
		o.ownTypesOfBTF()
		return
	}
	for i := range d.declared {
		if t := &d.declared[i]; t.own {
			o.addOwn(d.types.read(t.offset))
		}
	}
}

func (o *Object) addOwn(t btf.Type, err error) {
	if err != nil || len(o.own) >= maxOwnTypes || o.isMapDefinition(t) || t.TypeName() == "skep_record" {
		return
	}
	switch underlying(t).(type) {
	case *btf.Struct, *btf.Union:
	default:
		return
	}
	// A typedef of a named struct says nothing new.
	if typedef, ok := t.(*btf.Typedef); ok && unqualified(typedef.Type).TypeName() != "" {
		return
	}
	variants := o.ownVariants[t.TypeName()]
	if len(variants) >= maxVariants {
		return
	}
	t = o.canonical(t)
	if extended := appendType(variants, t); len(extended) > len(variants) {
		o.ownVariants[t.TypeName()] = extended
		o.own = append(o.own, t)
	}
}

// isMapDefinition says whether t is the type of a variable that defines a map.
func (o *Object) isMapDefinition(t btf.Type) bool {
	if o.definitions == nil {
		o.definitions = make(map[string]bool)
		for _, name := range []string{".maps", "maps"} {
			var section *btf.Datasec
			if o.Spec.Types == nil || o.Spec.Types.TypeByName(name, &section) != nil {
				continue
			}
			for _, v := range section.Vars {
				if variable, ok := v.Type.(*btf.Var); ok {
					o.definitions[unqualified(variable.Type).TypeName()] = true
				}
			}
		}
	}
	return o.definitions[t.TypeName()]
}

// Bounds on the list of the author's types. Variants have the same name and
// different layouts: structs declared inside of functions.
const (
	maxOwnTypes = 1024
	maxVariants = 8
)

// ownTypesOfBTF takes all structs but those of the kernel: what CO-RE
// relocations are about. BTF does not say where a type was declared.
func (o *Object) ownTypesOfBTF() {
	if o.Spec.Types == nil {
		return
	}
	kernel := o.relocatedTypes()
	for t, err := range o.Spec.Types.All() {
		if err != nil {
			return
		}
		if t.TypeName() != "" && !kernel[t] {
			o.addOwn(t, nil)
		}
	}
}

// relocatedTypes reads the CO-RE relocations of .BTF.ext (the kernel's
// Documentation/bpf/btf.rst, section 4.2).
func (o *Object) relocatedTypes() map[btf.Type]bool {
	found := make(map[btf.Type]bool)
	s := o.img.section(".BTF.ext")
	const coreOffset, headerWithCore = 24, 32
	if s == nil || len(s.data) < headerWithCore {
		return found
	}
	order := binary.LittleEndian
	header := order.Uint32(s.data[4:])
	table, ok := slice(s.data, uint64(header)+uint64(order.Uint32(s.data[coreOffset:])), uint64(order.Uint32(s.data[coreOffset+4:])))
	if header < headerWithCore || !ok {
		return found
	}
	in := &bytesReader{data: table}
	recordSize := in.uint32()
	for !in.failed && recordSize >= 8 && len(in.data) > 0 {
		_, records := in.uint32(), in.uint32()
		for range records {
			record := in.bytes(uint64(recordSize))
			if record == nil {
				return found
			}
			if t, err := o.Spec.Types.TypeByID(btf.TypeID(order.Uint32(record[4:]))); err == nil {
				found[unqualified(t)] = true
			}
		}
	}
	return found
}

// TypeByName finds the type that a user names, as exec_event or struct
// exec_event. The author's own types come before the kernel's. The error wraps
// [ErrNoType] and names types that the user may have meant.
func (o *Object) TypeByName(name string) (found btf.Type, err error) {
	name = strings.TrimSpace(name)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, keyword := range []string{"struct ", "union ", "enum "} {
		name = strings.TrimSpace(strings.TrimPrefix(name, keyword))
	}
	defer func() {
		if recover() != nil { // hostile DWARF
			found, err = nil, o.noType(name)
		}
	}()
	if t := o.namedType(name); t != nil {
		return t, nil
	}
	return nil, o.noType(name)
}

// namedType gives nil if there is none. The author's own come first.
func (o *Object) namedType(name string) btf.Type {
	if name == "" {
		return nil
	}
	if t := o.debugType(name, true); t != nil {
		return t
	}
	if o.Spec.Types != nil {
		if known, err := o.Spec.Types.AnyTypesByName(name); err == nil {
			for _, t := range known {
				if hasSize(t) {
					return t
				}
			}
		}
	}
	return o.debugType(name, false)
}

func (o *Object) debugType(name string, own bool) btf.Type {
	d := o.debugInfo()
	if d == nil {
		return nil
	}
	for i := range d.declared {
		if t := &d.declared[i]; t.name == name && (t.own || !own) {
			if read, err := d.types.read(t.offset); err == nil && hasSize(read) {
				return o.canonical(read)
			}
		}
	}
	return nil
}

func (o *Object) noType(name string) error {
	names := o.typeNames()
	near := nearest.Names(name, slices.Values(names), 3)
	switch {
	case len(near) > 0:
		return failure(ErrNoType, nil, "The object has no type %s. Did you mean %s?", name, strings.Join(near, " or "))
	case len(names) > 0:
		return failure(ErrNoType, nil, "The object has no type %s. It has %s.", name, strings.Join(names[:min(len(names), 8)], ", "))
	}
	return failure(ErrNoType, nil, "The object has no type %s, nor any other: it was compiled without -g.", name)
}

// typeNames gives the names of the author's types, sorted.
func (o *Object) typeNames() []string {
	var names []string
	for _, t := range o.ownTypes() {
		names = append(names, t.TypeName())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
