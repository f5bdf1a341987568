//go:build linux

// Package load takes an object into the kernel: it parses it, sets its global
// variables, creates its maps and loads its programs, one after the other, so
// that each failure can be told apart.
package load

import (
	"bytes"
	"debug/elf"
	"fmt"
	"sort"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/wire"
)

// An Object is a parsed object.
type Object struct {
	Spec *ebpf.CollectionSpec
	// Programs and Maps are in the object's order: section, then offset.
	Programs []*ebpf.ProgramSpec
	Maps     []*ebpf.MapSpec
	// legacy names the struct_ops maps of .struct_ops sections, which
	// register when they are updated and need no link.
	legacy map[string]bool
	// readsConfig says that the object asks whether attach cookies exist,
	// and so needs a kernel configuration: see ensureConfig.
	readsConfig bool
}

// Parse reads an object. Whatever is wrong with it ends in a *end.Error of
// state "bad object".
func Parse(object []byte) (parsed *Object, err error) {
	// The object is foreign: a panic of a parser is its fault, not ours.
	defer func() {
		if problem := recover(); problem != nil {
			parsed, err = nil, end.New(wire.StateBadObject, nil, "the object cannot be read: %v", problem)
		}
	}()
	if len(object) == 0 {
		return nil, end.New(wire.StateBadObject, nil, "the object is empty")
	}
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, end.New(wire.StateBadObject, err, "this is not an ELF object: %v", err)
	}
	if file.Machine != elf.EM_BPF && file.Machine != elf.EM_NONE {
		return nil, end.New(wire.StateBadObject, nil,
			"this object is for %s, not for BPF; compile with clang -target bpf", machineName(file.Machine))
	}
	object = hideFunctions(file, strengthenMaps(file, object))
	object, legacy, err := renameStructOps(file, object)
	if err != nil {
		return nil, end.New(wire.StateBadObject, err, "the struct_ops section cannot be read: %v", err)
	}
	object, readsConfig := renameCookieSwitch(object)
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, end.New(wire.StateBadObject, err, "the object cannot be read: %v", err)
	}
	o := &Object{Spec: spec, legacy: legacy, readsConfig: readsConfig}
	o.order(file)
	if len(o.Programs) == 0 {
		return nil, end.New(wire.StateBadObject, nil,
			"the object has no programs: no function has a SEC() of its own")
	}
	return o, nil
}

func machineName(m elf.Machine) string {
	return strings.TrimPrefix(m.String(), "EM_")
}

// order sorts programs and maps as the symbol table places them; data
// sections, which have no symbol of their own, come last.
func (o *Object) order(file *elf.File) {
	type place struct {
		section elf.SectionIndex
		offset  uint64
	}
	places := make(map[string]place)
	symbols, _ := file.Symbols()
	for _, symbol := range symbols {
		switch elf.ST_TYPE(symbol.Info) {
		case elf.STT_FUNC, elf.STT_OBJECT, elf.STT_NOTYPE:
			places[symbol.Name] = place{symbol.Section, symbol.Value}
		}
	}
	for i, section := range file.Sections {
		places[section.Name] = place{elf.SectionIndex(len(file.Sections) + i), 0}
	}
	before := func(a, b string) bool {
		x, y := places[a], places[b]
		if x.section != y.section {
			return x.section < y.section
		}
		if x.offset != y.offset {
			return x.offset < y.offset
		}
		return a < b
	}
	for _, program := range o.Spec.Programs {
		o.Programs = append(o.Programs, program)
	}
	sort.Slice(o.Programs, func(i, j int) bool { return before(o.Programs[i].Name, o.Programs[j].Name) })
	names := make([]string, 0, len(o.Spec.Maps))
	for name := range o.Spec.Maps {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return before(names[i], names[j]) })
	for _, name := range names {
		o.Maps = append(o.Maps, o.Spec.Maps[name])
	}
}

// Row describes a map for the host.
func Row(m *ebpf.MapSpec) wire.Map {
	return wire.Map{
		Name: m.Name, Type: m.Type.String(),
		KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags,
	}
}

// IsData says whether a map is a data section: its global variables.
func IsData(m *ebpf.MapSpec) bool {
	return m.Name == ".bss" || strings.HasPrefix(m.Name, ".data") || strings.HasPrefix(m.Name, ".rodata")
}

// Set writes one global variable into the object, before its maps exist.
func (o *Object) Set(variable string, value []byte) error {
	v := o.Spec.Variables[variable]
	if v == nil {
		return end.New(wire.StateBadObject, nil,
			"the object has no global variable %q; it has %s", variable, o.variableNames()).Of(variable)
	}
	section := o.Spec.Maps[v.SectionName]
	if section == nil || len(section.Contents) == 0 {
		return end.New(wire.StateBadObject, nil, "variable %q lies in no data section", variable).Of(variable)
	}
	data, ok := section.Contents[0].Value.([]byte)
	if size := v.Size(); !ok || uint64(v.Offset)+uint64(size) > uint64(len(data)) || uint32(len(value)) != size {
		return end.New(wire.StateBadObject, nil,
			"variable %q has %d bytes, %d were given", variable, v.Size(), len(value)).Of(variable)
	}
	copy(data[v.Offset:], value)
	return nil
}

// VariableSize gives the size of a global variable in bytes, 0 if there is
// none of that name.
func (o *Object) VariableSize(variable string) int {
	if v := o.Spec.Variables[variable]; v != nil {
		return int(v.Size())
	}
	return 0
}

func (o *Object) variableNames() string {
	names := make([]string, 0, len(o.Spec.Variables))
	for name := range o.Spec.Variables {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "none"
	}
	sort.Strings(names)
	if len(names) > 20 {
		names = append(names[:20], fmt.Sprintf("%d more", len(names)-20))
	}
	return strings.Join(names, ", ")
}
