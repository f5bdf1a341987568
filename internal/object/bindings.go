package object

import (
	"debug/dwarf"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// maxBindings bounds what is kept of one function's variables.
const maxBindings = 1 << 16

// Operations of location expressions (DWARF 5, section 7.7.1).
const (
	opDeref      = 0x06
	opConst1u    = 0x08
	opConst2u    = 0x0a
	opConst4u    = 0x0c
	opConst8u    = 0x0e
	opConstu     = 0x10
	opConsts     = 0x11
	opPlusUconst = 0x23
	opLit0       = 0x30
	opReg0       = 0x50
	opBreg0      = 0x70
	opRegx       = 0x90
	opFbreg      = 0x91
	opBregx      = 0x92
	opPiece      = 0x93
	opStackValue = 0x9f
)

// A binding says what the flow knows of a variable while the program counter
// is within [low, high).
type binding struct {
	variable  *variable
	low, high uint64
	// piece is where in the variable this part begins, in bytes: the
	// compiler may keep parts of a struct in different places.
	piece int64
	// memory: the part lies at the address what; else it is what.
	memory bool
	what   value
}

// locals are the variables of one function, seen by its flow.
type locals struct {
	function *function
	flow     *flow
	debug    *debugInfo
	scope    *scope
	base     uint64 // address of the function's first instruction
	end      uint64
	// shift is what DWARF's frame offsets are higher than those of the code.
	shift    int64
	all      []*variable
	bindings []binding
}

// newLocals binds the variables of a function. Without DWARF there are none.
func newLocals(f *function, fl *flow, d *debugInfo) *locals {
	l := &locals{function: f, flow: fl, debug: d, base: sectionBase(f.section) + f.start}
	l.end = l.base + f.code.Size()
	if d == nil || f.section < 0 {
		return l
	}
	l.scope = d.functions[l.base]
	if l.scope == nil {
		return l
	}
	l.collect(l.scope, 0)
	l.shift = l.frameShift()
	l.bind()
	return l
}

func (l *locals) collect(s *scope, depth int) {
	l.all = append(l.all, s.variables...)
	if depth > 1000 {
		return
	}
	for _, child := range s.children {
		l.collect(child, depth+1)
	}
}

func (l *locals) bind() {
	l.bindings = l.bindings[:0]
	for _, v := range l.all {
		for _, where := range v.locations {
			low, high := max(where.low, l.base), min(where.high, l.end)
			if low >= high || len(l.bindings) > maxBindings {
				continue
			}
			// A variable stays where it is all over the range, but what
			// the flow calls that value may change where ways join.
			last := high - asm.InstructionSize
			l.bindings = append(l.bindings, l.evaluate(v, where, low, high, low)...)
			if last > low {
				l.bindings = append(l.bindings, l.evaluate(v, where, low, high, last)...)
			}
		}
	}
}

// evaluate runs a location expression with the registers as they are before
// the instruction at pc.
func (l *locals) evaluate(v *variable, where location, low, high, pc uint64) []binding {
	s := l.stateAt(pc)
	if s == nil {
		return nil
	}
	e := &expression{in: bytesReader{data: where.expression}, state: s, shift: l.shift}
	var found []binding
	for _, p := range e.run() {
		b := binding{variable: v, low: low, high: high, piece: p.at, memory: p.memory, what: p.what}
		found = append(found, b)
		// A pointer that was spilled: what the slot holds counts too.
		if loc, ok := wholeSlot(p.what.offset); ok && p.memory && p.what.kind == frame && s[loc].kind != unset {
			b.memory, b.what = false, s[loc]
			found = append(found, b)
		}
	}
	return found
}

func (l *locals) stateAt(pc uint64) *state {
	if pc < l.base || pc >= l.end {
		return nil
	}
	i := l.flow.atRaw(int((pc - l.base) / asm.InstructionSize))
	if i >= len(l.flow.code) {
		return nil
	}
	return l.flow.at(i)
}

// pc gives the address of an instruction.
func (l *locals) pc(i int) uint64 {
	return l.base + uint64(l.flow.raw[i])*asm.InstructionSize
}

// pieces are what a location expression says.
type piece struct {
	at     int64
	memory bool
	what   value
}

// An expression runs a location expression on abstract values.
type expression struct {
	in     bytesReader
	state  *state
	shift  int64
	pieces []piece
	at     int64
	top    value
	memory bool
}

// run gives the parts that could be understood.
func (e *expression) run() []piece {
	e.reset()
	for len(e.in.data) > 0 && len(e.pieces) < 64 {
		if !e.operation(e.in.byte()) || e.in.failed {
			return e.pieces
		}
	}
	e.finish()
	return e.pieces
}

func (e *expression) reset() { e.top, e.memory = value{}, true }

func (e *expression) finish() {
	if e.top.kind != unset && e.top.kind != constant {
		e.pieces = append(e.pieces, piece{at: e.at, memory: e.memory, what: e.top})
	}
	e.reset()
}

// operation says whether it knew the operation.
func (e *expression) operation(op byte) bool {
	switch {
	case op >= opLit0 && op < opReg0:
		e.top = value{kind: constant, offset: int64(op - opLit0)}
	case op >= opReg0 && op < opBreg0:
		e.top, e.memory = e.state.get(asm.Register(op-opReg0)), false
	case op >= opBreg0 && op < opRegx:
		e.top = e.relative(asm.Register(op-opBreg0), e.in.sleb())
	default:
		return e.longOperation(op)
	}
	return true
}

func (e *expression) longOperation(op byte) bool {
	switch op {
	case opRegx:
		e.top, e.memory = e.state.get(asm.Register(min(e.in.uleb(), 255))), false
	case opFbreg:
		e.top = e.relative(asm.R10, e.in.sleb())
	case opBregx:
		register := asm.Register(min(e.in.uleb(), 255))
		e.top = e.relative(register, e.in.sleb())
	case opPlusUconst:
		e.top.offset += int64(e.in.uleb())
	case opConstu, opConsts:
		e.top = value{kind: constant, offset: e.in.sleb()}
	case opConst1u, opConst1u + 1, opConst2u, opConst2u + 1, opConst4u, opConst4u + 1, opConst8u, opConst8u + 1:
		e.in.bytes(1 << ((op - opConst1u) / 2))
		e.top = value{kind: constant}
	case opStackValue:
		e.memory = false
	case opDeref:
		e.top = e.deref(e.top)
	case opPiece:
		size := e.in.uleb()
		e.finish()
		e.at += int64(size & 0xffffffff)
	default:
		return false
	}
	return true
}

// relative gives a register plus offset. Offsets from the frame pointer are
// counted by LLVM's BPF backend from the frame's lower end.
func (e *expression) relative(r asm.Register, offset int64) value {
	v := e.state.get(r)
	if r == asm.R10 {
		offset -= e.shift
	}
	if v.kind != unset {
		v.offset += offset
	}
	return v
}

func (e *expression) deref(address value) value {
	if address.kind != frame {
		return value{}
	}
	if loc, ok := wholeSlot(address.offset); ok {
		return e.state[loc]
	}
	return value{}
}

// maxFrameSlack is how much deeper than its deepest access a frame may be, in
// bytes: objects may be touched only in their upper part, and aligned to 64.
const maxFrameSlack = 128

// frameShift finds the size of the frame. LLVM (up to 19 at least) describes
// stack variables by TargetFrameLowering::getFrameIndexReference, which adds
// the frame's size to offsets that the code takes from R10; the size itself is
// written nowhere. It is the deepest access, rounded up to the alignment; where
// that is ambiguous, the one with which most addresses that are handed to
// calls are the beginnings of variables.
func (l *locals) frameShift() int64 {
	l.shift = 0
	l.bind()
	for i := range l.bindings {
		if b := &l.bindings[i]; b.memory && b.what.kind == frame {
			if b.what.offset < 0 {
				return 0 // a compiler without that flaw
			}
		}
	}
	depth, passed := l.frameAccesses()
	starts := make(map[int64]int)
	for i := range l.bindings {
		if b := &l.bindings[i]; b.memory && b.what.kind == frame {
			starts[b.what.offset-b.piece]++
		}
	}
	best, bestScore := int64(0), -1
	first := (depth + 7) / 8 * 8
	for shift := first; shift <= first+maxFrameSlack; shift += 8 {
		score := 0
		for _, offset := range passed {
			if starts[offset+shift] > 0 {
				score++
			}
		}
		if score > bestScore {
			best, bestScore = shift, score
		}
	}
	return best
}

// frameAccesses gives the depth of the deepest access to the frame, and the
// frame offsets that calls are given.
func (l *locals) frameAccesses() (depth int64, passed []int64) {
	deepen := func(v value, offset int64) {
		if v.kind == frame && v.offset+offset < 0 {
			depth = max(depth, -(v.offset + offset))
		}
	}
	for n := range l.flow.blocks {
		b := &l.flow.blocks[n]
		if !b.reached {
			continue
		}
		s := b.in
		for i := b.start; i < b.end; i++ {
			ins := &l.flow.code[i]
			switch class := ins.OpCode.Class(); {
			case class == asm.LdXClass:
				deepen(s.get(ins.Src), int64(ins.Offset))
			case class == asm.StClass || class == asm.StXClass:
				deepen(s.get(ins.Dst), int64(ins.Offset))
			case class == asm.JumpClass && ins.OpCode.JumpOp() == asm.Call:
				for r := asm.R1; r <= asm.R5; r++ {
					if s[r].kind == frame {
						deepen(s[r], 0)
						passed = append(passed, s[r].offset)
					}
				}
			}
			l.flow.step(&s, i)
		}
	}
	return depth, passed
}

// typeOf gives a variable's type.
func (l *locals) typeOf(v *variable) btf.Type {
	t, err := l.debug.types.read(v.typ)
	if err != nil {
		return nil
	}
	return t
}

// pointee gives what a variable of pointer type points to, nil if that is
// void or the variable is no pointer.
func (l *locals) pointee(v *variable) btf.Type {
	offset := v.typ
	for range maxTypeDepth {
		entry, err := l.debug.types.entry(offset)
		if err != nil {
			return nil
		}
		next, ok := entry.Val(dwarf.AttrType).(dwarf.Offset)
		if !ok {
			return nil
		}
		switch entry.Tag {
		case dwarf.TagPointerType:
			t, err := l.debug.types.read(next)
			if err != nil || !hasSize(t) {
				return nil
			}
			return t
		case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType:
			offset = next
		default:
			return nil
		}
	}
	return nil
}
