package object

import "github.com/cilium/ebpf/asm"

// What a register or stack slot may hold, as far as it matters for finding
// out what a call emits.
type valueKind uint8

const (
	unset    valueKind = iota // not written yet, or lost in a call
	constant                  // a number: offset
	frame                     // the frame pointer plus offset
	mapPtr                    // a map: id is its name
	global                    // a data section plus offset: id is its name
	param                     // parameter id (from 0) plus offset
	result                    // what instruction id produced, plus offset
	phi                       // differs by the way into block id; loc says where
)

// A value is abstract: two equal values are the same number at run time.
type value struct {
	kind   valueKind
	loc    int16
	id     int32
	offset int64
}

// sameOrigin says whether a and b point into the same object.
func (v value) sameOrigin(w value) bool {
	return v.kind == w.kind && v.id == w.id && v.loc == w.loc && v.kind != unset && v.kind != constant
}

// pointer says whether adding a number to v makes sense to us.
func (v value) pointer() bool {
	return v.kind == frame || v.kind == global || v.kind == param || v.kind == result || v.kind == phi
}

// Stack slots of 8 bytes below the frame pointer are tracked for spills.
const (
	registers = 11
	slots     = 512 / 8
	places    = registers + slots
)

// A state holds the value of every register and stack slot.
type state [places]value

// slotOf gives the location of the byte at the frame pointer plus offset,
// which must be within the stack.
func slotOf(offset int64) int { return registers + int(offset+8*slots)/8 }

// wholeSlot gives the location of the 8 bytes at the frame pointer plus
// offset, if they are one slot.
func wholeSlot(offset int64) (loc int, ok bool) {
	if offset < -8*slots || offset >= 0 || offset%8 != 0 {
		return 0, false
	}
	return slotOf(offset), true
}

// forget drops the slots that size bytes at offset touch.
func (s *state) forget(offset, size int64) {
	first, last := max(offset, -8*slots), min(offset+size, 0)
	if first >= last {
		return
	}
	for loc := slotOf(first); loc <= slotOf(last-1); loc++ {
		s[loc] = value{}
	}
}

// step applies one instruction. index is its place in the function.
func (f *flow) step(s *state, index int) {
	ins := &f.code[index]
	switch ins.OpCode.Class() {
	case asm.LdClass:
		f.stepLoadImmediate(s, index)
	case asm.LdXClass:
		s.set(ins.Dst, s.load(ins, index))
	case asm.StClass, asm.StXClass:
		s.store(ins, index)
	case asm.ALUClass, asm.ALU64Class:
		s.set(ins.Dst, s.compute(ins, index))
	case asm.JumpClass, asm.Jump32Class:
		if ins.OpCode.JumpOp() == asm.Call {
			s.call(index)
		}
	}
}

func (s *state) set(r asm.Register, v value) {
	if int(r) < registers-1 { // R10 is read-only
		s[r] = v
	}
}

func (s *state) get(r asm.Register) value {
	if int(r) < registers {
		return s[r]
	}
	return value{}
}

// call clobbers R1 to R5 (the BPF calling convention) and forgets what a
// pointer to a slot may have let the callee change.
func (s *state) call(index int) {
	for r := asm.R1; r <= asm.R5; r++ {
		if v := s[r]; v.kind == frame {
			s.forget(v.offset, 1)
		}
		s[r] = value{}
	}
	s[asm.R0] = value{kind: result, id: int32(index)}
}

func (f *flow) stepLoadImmediate(s *state, index int) {
	ins := &f.code[index]
	v := value{kind: result, id: int32(index)}
	switch {
	case !ins.OpCode.IsDWordLoad():
		// Legacy packet loads put their result into R0 and clobber.
		s.call(index)
		return
	case ins.Src == asm.PseudoMapFD && ins.Reference() != "":
		v = value{kind: mapPtr, id: f.name(ins.Reference())}
	case ins.Src == asm.PseudoMapValue && ins.Reference() != "":
		v = value{kind: global, id: f.name(ins.Reference()), offset: int64(uint64(ins.Constant) >> 32)}
	case ins.Src == asm.R0 && ins.Reference() == "":
		v = value{kind: constant, offset: ins.Constant}
	}
	s.set(ins.Dst, v)
}

func (s *state) load(ins *asm.Instruction, index int) value {
	unknown := value{kind: result, id: int32(index)}
	base := s.get(ins.Src)
	if base.kind != frame || ins.OpCode.Size() != asm.DWord || ins.OpCode.Mode() != asm.MemMode {
		return unknown
	}
	loc, ok := wholeSlot(base.offset + int64(ins.Offset))
	if !ok || s[loc].kind == unset {
		return unknown
	}
	return s[loc]
}

// atomic notes where the old value goes: with the fetch flag into the source
// register, with compare-and-exchange into R0.
func (s *state) atomic(ins *asm.Instruction, index int) {
	switch ins.OpCode.AtomicOp() {
	case asm.AddAtomic, asm.AndAtomic, asm.OrAtomic, asm.XorAtomic:
	case asm.CmpXchg:
		s[asm.R0] = value{kind: result, id: int32(index)}
	default:
		s.set(ins.Src, value{kind: result, id: int32(index)})
	}
}

func (s *state) store(ins *asm.Instruction, index int) {
	base := s.get(ins.Dst)
	if ins.OpCode.Mode() == asm.AtomicMode {
		s.atomic(ins, index)
	}
	if base.kind != frame {
		return
	}
	at := base.offset + int64(ins.Offset)
	s.forget(at, int64(ins.OpCode.Size().Sizeof()))
	loc, ok := wholeSlot(at)
	if !ok || ins.OpCode.Size() != asm.DWord || ins.OpCode.Mode() != asm.MemMode {
		return
	}
	if ins.OpCode.Class() == asm.StXClass {
		s[loc] = s.get(ins.Src)
	} else {
		s[loc] = value{kind: constant, offset: ins.Constant}
	}
}

// compute gives the result of an arithmetic instruction.
func (s *state) compute(ins *asm.Instruction, index int) value {
	unknown := value{kind: result, id: int32(index)}
	a := s.get(ins.Dst)
	b := value{kind: constant, offset: ins.Constant}
	if ins.OpCode.Source() == asm.RegSource {
		b = s.get(ins.Src)
	}
	op, wide := ins.OpCode.ALUOp(), ins.OpCode.Class() == asm.ALU64Class
	switch {
	case op == asm.Mov && ins.Offset != 0: // sign extension, addr_space_cast
		return unknown
	case op == asm.Mov && wide && b.kind != unset:
		return b
	case op == asm.Mov && b.kind == constant:
		return value{kind: constant, offset: int64(uint32(b.offset))}
	case op == asm.Mov && b.kind == param:
		return b // a 32-bit copy of a size; pointers are never cut
	case op == asm.Add && wide && a.pointer() && b.kind == constant:
		a.offset += b.offset
		return a
	case op == asm.Add && wide && b.pointer() && a.kind == constant:
		b.offset += a.offset
		return b
	case op == asm.Sub && wide && a.pointer() && b.kind == constant:
		a.offset -= b.offset
		return a
	case a.kind == param && b == (value{kind: constant, offset: 32}) && wide:
		return shifted(op, a, unknown)
	case a.kind == constant && b.kind == constant:
		if n, ok := fold(op, uint64(a.offset), uint64(b.offset), wide); ok {
			return value{kind: constant, offset: int64(n)}
		}
	}
	return unknown
}

// shifted follows the two shifts by which a 32-bit parameter is extended.
func shifted(op asm.ALUOp, a, unknown value) value {
	const up = 32
	switch {
	case op == asm.LSh && a.loc == 0:
		a.loc = up
		return a
	case (op == asm.RSh || op == asm.ArSh) && a.loc == up:
		a.loc = 0
		return a
	}
	return unknown
}

// fold computes with constants, for sizes that the compiler left unfolded.
func fold(op asm.ALUOp, a, b uint64, wide bool) (uint64, bool) {
	bits := uint64(63)
	if !wide {
		a, b, bits = uint64(uint32(a)), uint64(uint32(b)), 31
	}
	var n uint64
	switch op {
	case asm.Add:
		n = a + b
	case asm.Sub:
		n = a - b
	case asm.Mul:
		n = a * b
	case asm.And:
		n = a & b
	case asm.Or:
		n = a | b
	case asm.Xor:
		n = a ^ b
	case asm.LSh:
		n = a << (b & bits)
	case asm.RSh:
		n = a >> (b & bits)
	default:
		return 0, false
	}
	if !wide {
		n = uint64(uint32(n))
	}
	return n, true
}
