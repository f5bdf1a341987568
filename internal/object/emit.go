package object

import (
	"cmp"
	"path"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// An EmitSite is a call that puts a record into a ring buffer or a perf event
// array, in one of the ways in which it can be reached. A call in a function
// that is inlined twice, or that gets the record as a void pointer from two
// callers, makes two sites.
type EmitSite struct {
	// Programs are the entry points that reach the call, sorted.
	Programs []string
	// Function holds the call: a program or a subprogram.
	Function string
	// Instruction is the index of the call in Function, counted in 8-byte
	// instructions.
	Instruction int
	Helper      string // such as bpf_ringbuf_output
	// Map is the buffer's name, empty if it is not known (a map in a map).
	Map string
	// File, Line (from 1) and Column (from 1, 0 if unknown) are the call's
	// place in the source; empty without BTF.
	File         string
	Line, Column int
	// Size is the record's size in bytes as the program gives it, -1 if it is
	// not constant.
	Size int
	// Packet is how many bytes of the packet the kernel appends: the upper
	// half of the flags of bpf_perf_event_output in network programs. -1 if
	// that is not constant.
	Packet int
	// Type is the record's type, nil if it is not known.
	Type btf.Type
	// Exact says that Type is that of the variable behind the pointer, by the
	// object's debug information. Otherwise the variable is smaller than the
	// record, and Type describes its beginning at best.
	Exact bool
	// Variable is the name of what lies behind the pointer, or of the pointer.
	Variable string
}

// An emitHelper says in which registers a helper takes what matters here.
// Zero stands for none.
type emitHelper struct {
	name              string
	mapPtr, data      asm.Register
	size, packetFlags asm.Register
	// reserve: the record is what the helper returns.
	reserve bool
	// dynptr: data is a dynptr that the helper sets up.
	dynptr bool
}

// emitHelpers: the prototypes are in the kernel's include/uapi/linux/bpf.h.
var emitHelpers = map[asm.BuiltinFunc]emitHelper{
	asm.FnPerfEventOutput:      {name: "bpf_perf_event_output", mapPtr: asm.R2, packetFlags: asm.R3, data: asm.R4, size: asm.R5},
	asm.FnSkbOutput:            {name: "bpf_skb_output", mapPtr: asm.R2, packetFlags: asm.R3, data: asm.R4, size: asm.R5},
	asm.FnXdpOutput:            {name: "bpf_xdp_output", mapPtr: asm.R2, packetFlags: asm.R3, data: asm.R4, size: asm.R5},
	asm.FnRingbufOutput:        {name: "bpf_ringbuf_output", mapPtr: asm.R1, data: asm.R2, size: asm.R3},
	asm.FnRingbufReserve:       {name: "bpf_ringbuf_reserve", mapPtr: asm.R1, size: asm.R2, reserve: true},
	asm.FnRingbufReserveDynptr: {name: "bpf_ringbuf_reserve_dynptr", mapPtr: asm.R1, size: asm.R2, data: asm.R4, dynptr: true},
}

// Helpers that give a pointer to a value of the map in R1.
var lookupHelpers = map[asm.BuiltinFunc]bool{
	asm.FnMapLookupElem:       true,
	asm.FnMapLookupPercpuElem: true,
	asm.FnSkStorageGet:        true,
	asm.FnTaskStorageGet:      true,
	asm.FnInodeStorageGet:     true,
	asm.FnCgrpStorageGet:      true,
	asm.FnGetLocalStorage:     true,
}

// Bounds on the ways in which one call is reached that are told apart.
const (
	maxWays       = 32
	maxWayDepth   = 6
	maxCallDepth  = 4
	maxSites      = 4096
	packetLenMask = 0xfffff // BPF_F_CTXLEN_MASK >> 32
)

// EmitSites lists the calls that emit records, by file, line and function; not
// those of skep.h, which are [Object.ShowSites].
// Types come from the object's DWARF where it has any; without it, only those
// of global variables, map values and parameters are known.
func (o *Object) EmitSites() []EmitSite {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.emitSites())
}

func (o *Object) emitSites() []EmitSite {
	if !o.emitsRead {
		o.emitsRead, o.emits = true, o.findEmitSites()
	}
	return o.emits
}

// debugInfo reads the DWARF when it is first needed. It is nil if there is
// none that can be used.
func (o *Object) debugInfo() *debugInfo {
	if !o.debugRead {
		o.debugRead = true
		o.debug, _ = readDebug(o.img, o.symbols)
	}
	return o.debug
}

func (o *Object) findEmitSites() (sites []EmitSite) {
	defer func() {
		// The DWARF is hostile too; what was found before it broke stands.
		_ = recover()
		sortSites(sites)
	}()
	a := &emitAnalysis{object: o, locals: make(map[string]*locals)}
	for _, f := range o.sortedFunctions() {
		for i := range f.code {
			helper, ok := emitHelperOf(&f.code[i])
			if !ok || len(sites) >= maxSites {
				continue
			}
			sites = append(sites, a.sites(f, i, helper)...)
		}
	}
	return sites
}

func (o *Object) sortedFunctions() []*function {
	all := make([]*function, 0, len(o.functions))
	for _, f := range o.functions {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *function) int { return cmp.Compare(a.name, b.name) })
	return all
}

func emitHelperOf(ins *asm.Instruction) (emitHelper, bool) {
	if !ins.IsBuiltinCall() {
		return emitHelper{}, false
	}
	h, ok := emitHelpers[asm.BuiltinFunc(ins.Constant)]
	return h, ok
}

func sortSites(sites []EmitSite) {
	slices.SortStableFunc(sites, func(a, b EmitSite) int {
		return cmp.Or(cmp.Compare(path.Base(a.File), path.Base(b.File)), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Function, b.Function), cmp.Compare(a.Instruction, b.Instruction))
	})
}

// An emitAnalysis holds what was found out about functions so far.
type emitAnalysis struct {
	object *Object
	locals map[string]*locals
	loads  int // nesting of matchLoad
}

// localsOf gives nil for functions that are too large to analyse.
func (a *emitAnalysis) localsOf(f *function) *locals {
	if l, ok := a.locals[f.name]; ok {
		return l
	}
	var l *locals
	if fl := analyse(f.code); fl != nil {
		l = newLocals(f, fl, a.object.debugInfo())
	}
	a.locals[f.name] = l
	return l
}

// A way is one combination of what a call's arguments may be.
type way struct {
	function           *function
	at                 []int // instructions whose scopes count: the call, and where the ways parted
	mapPtr, data, size value
	flags              value
}

func (w *way) arguments() []*value { return []*value{&w.mapPtr, &w.data, &w.size, &w.flags} }

// sites finds the ways in which the call at index is reached, and what it
// emits in each.
func (a *emitAnalysis) sites(f *function, index int, h emitHelper) []EmitSite {
	plain := EmitSite{Programs: f.programs, Function: f.name, Helper: h.name, Size: -1}
	plain.File, plain.Line, plain.Column = lineOf(f.code, index)
	l := a.localsOf(f)
	if l == nil {
		for i := range index {
			plain.Instruction += int(f.code[i].Width())
		}
		return []EmitSite{plain}
	}
	plain.Instruction = l.flow.raw[index]
	s := l.flow.at(index)
	if s == nil {
		return nil // dead code
	}
	whole := way{function: f, at: []int{index}, mapPtr: s.get(h.mapPtr), size: s.get(h.size)}
	if h.data != 0 {
		whole.data = s.get(h.data)
	}
	if h.reserve {
		whole.data = value{kind: result, id: int32(index)}
	}
	if h.packetFlags != 0 {
		whole.flags = s.get(h.packetFlags)
	}
	var sites []EmitSite
	for _, w := range a.parted(whole, 0) {
		for _, w := range a.called(w, 0) {
			site := plain
			a.fill(&site, w, whole, h)
			if site.Map != ShowMap {
				sites = appendSite(sites, site)
			}
		}
	}
	return sites
}

// appendSite leaves out what says no more than another site does.
func appendSite(sites []EmitSite, site EmitSite) []EmitSite {
	for i := range sites {
		s := &sites[i]
		if s.Map == site.Map && s.Size == site.Size && s.Packet == site.Packet && sameType(s.Type, site.Type) {
			s.Programs = union(s.Programs, site.Programs)
			s.Exact = s.Exact || site.Exact
			return sites
		}
	}
	return append(sites, site)
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// fill works out one way. The data pointer as it is at the call is a second
// chance: a local pointer variable may alias it there.
func (a *emitAnalysis) fill(site *EmitSite, w, whole way, h emitHelper) {
	l := a.localsOf(w.function)
	site.Programs = w.function.programs
	if w.mapPtr.kind == mapPtr {
		site.Map = l.flow.names[w.mapPtr.id]
	}
	if w.size.kind == constant && w.size.offset >= 0 && w.size.offset < 1<<29 {
		site.Size = int(w.size.offset)
	}
	if h.packetFlags != 0 {
		site.Packet = a.packetBytes(site, w.flags, h)
	}
	found := match{}
	if h.dynptr {
		found = a.matchDynptr(l, w, site.Size)
	} else {
		found = a.match(l, w.data, w.at, site.Size)
		if found.typ == nil && whole.data != w.data {
			found = a.match(a.localsOf(whole.function), whole.data, whole.at, site.Size)
		}
	}
	site.Type, site.Exact, site.Variable = a.object.canonical(found.typ), found.exact, found.name
}

// packetBytes reads BPF_F_CTXLEN_MASK of the flags. The kernel refuses it
// outside of network programs.
func (a *emitAnalysis) packetBytes(site *EmitSite, flags value, h emitHelper) int {
	if flags.kind == constant {
		return int(flags.offset >> 32 & packetLenMask)
	}
	if h.name != "bpf_perf_event_output" {
		return -1
	}
	for _, name := range site.Programs {
		if spec := a.object.Spec.Programs[name]; spec != nil && appendsPackets[spec.Type] {
			return -1
		}
	}
	return 0
}

// parted tells apart the ways that join before the call, where an argument
// differs by the way.
func (a *emitAnalysis) parted(w way, depth int) []way {
	join := -1
	for _, v := range w.arguments() {
		if v.kind == phi && int(v.id) > join {
			join = int(v.id)
		}
	}
	if join < 0 || depth >= maxWayDepth {
		return []way{w}
	}
	fl := a.localsOf(w.function).flow
	var ways []way
	for _, n := range fl.blocks[join].before {
		from := &fl.blocks[n]
		if !from.reached || len(ways) >= maxWays {
			continue
		}
		next := w
		next.at = append(slices.Clone(w.at), from.end-1)
		same := true
		for _, v := range next.arguments() {
			if v.kind == phi && int(v.id) == join {
				origin := from.out[v.loc]
				if origin.kind != unset {
					origin.offset += v.offset
				}
				same = same && origin == *v
				*v = origin
			}
		}
		if !same { // not the way round a loop
			ways = append(ways, a.parted(next, depth+1)...)
		}
	}
	return ways[:min(len(ways), maxWays)]
}

// called goes to the callers where the function's parameters do not say what
// is emitted.
func (a *emitAnalysis) called(w way, depth int) []way {
	if !a.needsCaller(w) || depth >= maxCallDepth {
		return []way{w}
	}
	var ways []way
	for _, caller := range a.object.sortedFunctions() {
		for i := range caller.code {
			ins := &caller.code[i]
			if !ins.IsFunctionCall() || ins.Reference() != w.function.name || len(ways) >= maxWays {
				continue
			}
			l := a.localsOf(caller)
			if l == nil || l.flow.at(i) == nil {
				continue
			}
			for _, next := range a.parted(a.inCaller(w, l, i), 0) {
				ways = append(ways, a.called(next, depth+1)...)
			}
		}
	}
	if len(ways) == 0 {
		return []way{w}
	}
	return ways[:min(len(ways), maxWays)]
}

func (a *emitAnalysis) needsCaller(w way) bool {
	if w.mapPtr.kind == param || w.size.kind == param {
		return true
	}
	return w.data.kind == param && a.match(a.localsOf(w.function), w.data, w.at, -1).typ == nil
}

// inCaller gives the way's arguments as the call at index of another function
// passes them.
func (a *emitAnalysis) inCaller(w way, l *locals, index int) way {
	s := l.flow.at(index)
	next := way{function: l.function, at: []int{index}}
	from := w.arguments()
	for i, v := range next.arguments() {
		*v = *from[i]
		switch v.kind {
		case param:
			passed := s[asm.R1+asm.Register(v.id)]
			if passed.kind != unset {
				passed.offset += v.offset
			}
			*v = passed
		case mapPtr, global:
			v.id = l.flow.name(a.localsOf(w.function).flow.names[v.id])
		case constant, unset:
		default:
			*v = value{}
		}
	}
	// A record of which the callee knows the type does not depend on us.
	if next.data.kind == unset && w.data.kind != unset {
		next.function, next.at, next.data = w.function, w.at, w.data
		next.mapPtr = a.renamed(next.mapPtr, l, w.function)
		next.size, next.flags = number(next.size), number(next.flags)
	}
	return next
}

// renamed carries a map's name over to another function.
func (a *emitAnalysis) renamed(v value, from *locals, to *function) value {
	if v.kind != mapPtr {
		return value{}
	}
	v.id = a.localsOf(to).flow.name(from.flow.names[v.id])
	return v
}

// number gives v if it means the same in every function.
func number(v value) value {
	if v.kind == constant {
		return v
	}
	return value{}
}

// lineOf gives the source line of an instruction: that of the last one before
// it which has any.
func lineOf(code asm.Instructions, index int) (file string, line, column int) {
	for i := index; i >= 0; i-- {
		if l, ok := code[i].Source().(*btf.Line); ok {
			return l.FileName(), int(l.LineNumber()), int(l.LineColumn())
		}
	}
	return "", 0, 0
}
