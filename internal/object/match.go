package object

import (
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// appendsPackets are the program types whose bpf_perf_event_output can append
// bytes of the packet (the kernel's bpf_skb_event_output, bpf_xdp_event_output).
var appendsPackets = map[ebpf.ProgramType]bool{
	ebpf.XDP: true, ebpf.SchedCLS: true, ebpf.SchedACT: true, ebpf.SocketFilter: true,
	ebpf.CGroupSKB: true, ebpf.SkSKB: true, ebpf.LWTIn: true, ebpf.LWTOut: true,
	ebpf.LWTXmit: true, ebpf.LWTSeg6Local: true,
}

// A match is what a pointer was found to point to.
type match struct {
	typ   btf.Type
	name  string
	exact bool
	score int
}

// Weights of what speaks for a variable to be the one behind a pointer, the
// heavier first.
const (
	weightSize   = 1000 // per step of fit
	weightScope  = 400
	weightCovers = 200
	weightJoined = -300 // the variable may also hold another pointer
	weightBytes  = -100 // a byte buffer says less than the struct that it is used as
	weightObject = 50   // the object itself rather than a pointer to it
	weightDepth  = 1    // the innermost of nested scopes
)

// How well a type fits the size of a record.
const (
	fitsNot     = iota // the record is larger
	fitsPart           // the record's size is unknown or smaller
	fitsExactly        // they are equal
)

// match finds the type of what data points to. at are the instructions whose
// scopes count, size the record's, -1 if it is unknown.
func (a *emitAnalysis) match(l *locals, data value, at []int, size int) match {
	best := match{}
	consider := func(m match) {
		if m.typ != nil && (best.typ == nil || m.score > best.score) {
			best = m
		}
	}
	for i := range l.bindings {
		consider(l.matchBinding(&l.bindings[i], data, at, size))
	}
	for _, b := range l.bindingsAt(at) {
		consider(l.matchBinding(&b, data, at, size))
	}
	switch data.kind {
	case global:
		consider(a.matchGlobal(l.flow.names[data.id], data.offset, size))
	case result:
		consider(a.matchLookup(l, data, size))
	case param:
		if len(l.bindings) == 0 {
			consider(matchParameter(l.function, int(data.id), data.offset, size))
		}
	}
	if best.typ == nil {
		consider(a.matchCallee(l, data, size))
		consider(a.matchLoad(l, data, size))
	}
	return best
}

// bindingsAt binds variables with the state at the given instructions: where
// ways have joined since a variable was set, the flow has a new name for the
// same value.
func (l *locals) bindingsAt(at []int) []binding {
	var found []binding
	for _, i := range at {
		pc := l.pc(i)
		for _, v := range l.all {
			for _, where := range v.locations {
				if where.low <= pc && pc < where.high && v.scope.contains(pc) {
					found = append(found, l.evaluate(v, where, where.low, where.high, pc)...)
				}
			}
		}
	}
	return found
}

func (s *scope) contains(pc uint64) bool {
	for _, r := range s.ranges {
		if r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return len(s.ranges) == 0 && s.parent != nil && s.parent.contains(pc)
}

func (s *scope) depth() int {
	n := 0
	for s.parent != nil && n < 100 {
		s, n = s.parent, n+1
	}
	return n
}

func (l *locals) matchBinding(b *binding, data value, at []int, size int) match {
	m := match{name: b.variable.name}
	what := b.what
	if !what.sameOrigin(data) {
		if what.kind != phi {
			return match{}
		}
		// The variable holds this pointer if the way leads past us.
		var ok bool
		if what, ok = l.flow.operand(b.what, data); !ok {
			return match{}
		}
		m.score += weightJoined
	}
	var typ btf.Type
	delta := data.offset - what.offset
	if b.memory {
		typ = l.typeOf(b.variable)
		delta += b.piece
		m.score += weightObject
	} else if b.piece == 0 {
		typ = l.pointee(b.variable)
	}
	if typ == nil {
		return match{}
	}
	found, fit, path := part(typ, delta, size, !b.memory)
	if found == nil {
		return match{}
	}
	m.typ, m.name = found, m.name+path
	m.exact = fit > fitsNot || (!b.memory && delta == 0)
	m.score += fit*weightSize + weightDepth*b.variable.scope.depth()
	for _, i := range at {
		pc := l.pc(i)
		if b.variable.scope.contains(pc) {
			m.score += weightScope
			if b.low <= pc && pc < b.high {
				m.score += weightCovers
			}
			break
		}
	}
	if isBytes(found) {
		m.score += weightBytes
	}
	return m
}

// matchGlobal finds the variable at an offset of a data section. String
// literals have no variable; compilers put them into .rodata.str1.1.
func (a *emitAnalysis) matchGlobal(section string, offset int64, size int) match {
	for i := range a.object.Globals {
		g := &a.object.Globals[i]
		if g.Section != section || g.Type == nil || offset < int64(g.Offset) || offset >= int64(g.Offset)+int64(g.Size) {
			continue
		}
		return typeMatch(g.Type, offset-int64(g.Offset), size, g.Name)
	}
	if strings.HasPrefix(section, ".rodata.str") && size > 0 {
		return typeMatch(&btf.Array{Index: arrayIndex, Type: charType, Nelems: uint32(size)}, 0, size, "string literal")
	}
	return match{}
}

var charType = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}

// matchLookup finds the value type of the map that a pointer was looked up in.
func (a *emitAnalysis) matchLookup(l *locals, data value, size int) match {
	call := int(data.id)
	if data.loc != 0 || call >= len(l.flow.code) {
		return match{}
	}
	ins := &l.flow.code[call]
	s := l.flow.at(call)
	if s == nil || !ins.IsBuiltinCall() || !lookupHelpers[asm.BuiltinFunc(ins.Constant)] || s[asm.R1].kind != mapPtr {
		return match{}
	}
	spec := a.object.Spec.Maps[l.flow.names[s[asm.R1].id]]
	if spec == nil || spec.Value == nil {
		return match{}
	}
	return typeMatch(spec.Value, data.offset, size, l.flow.names[s[asm.R1].id])
}

// maxLoads bounds chains such as a->b->c.
const maxLoads = 4

// matchLoad finds the type of a pointer that was read from memory, by the type
// of that memory.
func (a *emitAnalysis) matchLoad(l *locals, data value, size int) match {
	if data.kind != result || int(data.id) >= len(l.flow.code) || a.loads >= maxLoads {
		return match{}
	}
	ins := &l.flow.code[data.id]
	s := l.flow.at(int(data.id))
	if s == nil || ins.OpCode.Class() != asm.LdXClass || ins.OpCode.Size() != asm.DWord {
		return match{}
	}
	from := s.get(ins.Src)
	if !from.pointer() {
		return match{}
	}
	from.offset += int64(ins.Offset)
	a.loads++
	defer func() { a.loads-- }()
	place := a.match(l, from, []int{int(data.id)}, pointerSize)
	if place.typ == nil {
		return match{}
	}
	pointer, ok := underlying(place.typ).(*btf.Pointer)
	if !ok {
		return match{}
	}
	target := pointer.Target
	if forward, ok := unqualified(target).(*btf.Fwd); ok {
		target = a.object.namedType(forward.Name)
	}
	if target == nil || !hasSize(target) {
		return match{}
	}
	return typeMatch(target, data.offset, size, place.name+"->")
}

const pointerSize = 8

// matchParameter takes a parameter's type from BTF, where there is no DWARF.
func matchParameter(f *function, index int, delta int64, size int) match {
	fn := btf.FuncMetadata(&f.code[0])
	if fn == nil {
		return match{}
	}
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok || index >= len(proto.Params) {
		return match{}
	}
	pointer, ok := underlying(proto.Params[index].Type).(*btf.Pointer)
	if !ok || !hasSize(pointer.Target) {
		return match{}
	}
	return typeMatch(pointer.Target, delta, size, proto.Params[index].Name)
}

// matchCallee looks for a function that takes the same pointer and knows its
// type.
func (a *emitAnalysis) matchCallee(l *locals, data value, size int) match {
	best := match{}
	for i := range l.flow.code {
		ins := &l.flow.code[i]
		callee := a.object.functions[ins.Reference()]
		if callee == nil || !ins.IsFunctionCall() {
			continue
		}
		s := l.flow.at(i)
		if s == nil {
			continue
		}
		for r := asm.R1; r <= asm.R5; r++ {
			if s[r].sameOrigin(data) {
				m := matchParameter(callee, int(r-asm.R1), data.offset-s[r].offset, size)
				if m.typ != nil && (best.typ == nil || m.score > best.score) {
					best = m
				}
			}
		}
	}
	return best
}

func typeMatch(t btf.Type, delta int64, size int, name string) match {
	found, fit, path := part(t, delta, size, false)
	if found == nil {
		return match{}
	}
	name = strings.TrimSuffix(strings.Replace(name+path, "->.", "->", 1), "->")
	m := match{typ: found, name: name, exact: fit > fitsNot, score: fit*weightSize + weightScope + weightObject}
	if isBytes(found) {
		m.score += weightBytes
	}
	return m
}

// matchDynptr looks at what is written into a dynptr, or at what its slices
// are taken for.
func (a *emitAnalysis) matchDynptr(l *locals, w way, size int) match {
	best := match{}
	for i := range l.flow.code {
		ins := &l.flow.code[i]
		s := l.flow.at(i)
		if s == nil || s[asm.R1] != w.data || w.data.kind == unset || s[asm.R2] != (value{kind: constant}) {
			continue
		}
		var m match
		switch {
		case ins.IsBuiltinCall() && asm.BuiltinFunc(ins.Constant) == asm.FnDynptrWrite:
			m = a.match(l, s[asm.R3], []int{i}, lengthOf(s[asm.R4], size))
		case ins.IsBuiltinCall() && asm.BuiltinFunc(ins.Constant) == asm.FnDynptrData:
			m = a.match(l, value{kind: result, id: int32(i)}, []int{i}, lengthOf(s[asm.R3], size))
		case ins.IsKfuncCall() && strings.HasPrefix(ins.Reference(), "bpf_dynptr_slice"):
			m = a.match(l, value{kind: result, id: int32(i)}, []int{i}, lengthOf(s[asm.R4], size))
		}
		if m.typ == nil || (best.typ != nil && m.score <= best.score) {
			continue
		}
		// What is written at the start is all that the record has only if
		// it is as long.
		if n, ok := sizeof(m.typ); size >= 0 && (!ok || n != size) {
			m.exact = false
		}
		best = m
	}
	return best
}

func lengthOf(v value, otherwise int) int {
	if v.kind == constant && v.offset >= 0 && v.offset < 1<<29 {
		return int(v.offset)
	}
	return otherwise
}
