package object

import (
	"slices"

	"github.com/cilium/ebpf/asm"
)

// Bounds on the analysis of one function. Beyond them its records have no
// known type; nothing else is lost.
const (
	maxBlocks = 8192
	maxSteps  = 8 << 20 // instructions interpreted until the states settle
	maxStates = 1 << 12 // kept for look-ups
)

// A flow knows the value of every register and stack slot before every
// instruction of one function, by abstract interpretation over its blocks.
type flow struct {
	code   asm.Instructions
	names  []string // of maps and data sections, see value.id
	raw    []int    // offset of each instruction, in 8-byte instructions
	blocks []block
	seen   map[int]*state // by instruction: answers of at
}

// A block is code without jumps in or out but at its ends.
type block struct {
	start, end int // instructions [start, end)
	next       []int
	before     []int // blocks that lead here
	in, out    state
	reached    bool
}

// analyse gives nil where the function is too large.
func analyse(code asm.Instructions) *flow {
	f := &flow{code: code, seen: make(map[int]*state)}
	index := make(map[int]int, len(code)) // raw offset to instruction
	at := 0
	for i := range code {
		f.raw = append(f.raw, at)
		index[at] = i
		at += int(code[i].Width())
	}
	if !f.split(index) || !f.settle() {
		return nil
	}
	return f
}

// name interns the name of a map or section.
func (f *flow) name(name string) int32 {
	for i, known := range f.names {
		if known == name {
			return int32(i)
		}
	}
	f.names = append(f.names, name)
	return int32(len(f.names) - 1)
}

// isJump says whether an instruction may go on elsewhere; fall says whether
// it may go on with the next one.
func isJump(ins *asm.Instruction) (jump, fall bool) {
	class := ins.OpCode.Class()
	if class != asm.JumpClass && class != asm.Jump32Class {
		return false, true
	}
	switch ins.OpCode.JumpOp() {
	case asm.Call:
		return false, true
	case asm.Exit:
		return false, false
	case asm.Ja:
		return true, false
	}
	return true, true
}

// target gives the raw offset that a jump goes to.
func (f *flow) target(i int) int {
	ins := &f.code[i]
	distance := int(ins.Offset)
	if ins.OpCode.Class() == asm.Jump32Class && ins.OpCode.JumpOp() == asm.Ja {
		distance = int(ins.Constant) // gotol
	}
	return f.raw[i] + 1 + distance
}

// split finds the blocks.
func (f *flow) split(index map[int]int) bool {
	if len(f.code) == 0 {
		return false
	}
	starts := map[int]bool{0: true}
	for i := range f.code {
		jump, fall := isJump(&f.code[i])
		if jump {
			to, ok := index[f.target(i)]
			if !ok {
				return false
			}
			starts[to] = true
		}
		if (jump || !fall) && i+1 < len(f.code) {
			starts[i+1] = true
		}
		if len(starts) > maxBlocks {
			return false
		}
	}
	order := make([]int, 0, len(starts))
	for start := range starts {
		order = append(order, start)
	}
	slices.Sort(order)
	blockOf := make(map[int]int, len(order))
	for n, start := range order {
		end := len(f.code)
		if n+1 < len(order) {
			end = order[n+1]
		}
		blockOf[start] = n
		f.blocks = append(f.blocks, block{start: start, end: end})
	}
	for n := range f.blocks {
		b := &f.blocks[n]
		jump, fall := isJump(&f.code[b.end-1])
		if fall && b.end < len(f.code) {
			f.connect(n, n+1)
		}
		if jump {
			f.connect(n, blockOf[index[f.target(b.end-1)]])
		}
	}
	return true
}

func (f *flow) connect(from, to int) {
	if !slices.Contains(f.blocks[from].next, to) {
		f.blocks[from].next = append(f.blocks[from].next, to)
		f.blocks[to].before = append(f.blocks[to].before, from)
	}
}

// settle interprets blocks until no state changes. A place changes at most
// twice per block: to the first value that arrives, then to a phi.
func (f *flow) settle() bool {
	first := &f.blocks[0]
	first.reached = true
	for r := asm.R1; r <= asm.R5; r++ {
		first.in[r] = value{kind: param, id: int32(r - asm.R1)}
	}
	first.in[asm.R10] = value{kind: frame}
	pending, queued := []int{0}, make([]bool, len(f.blocks))
	for steps := 0; len(pending) > 0; {
		n := pending[0]
		pending = pending[1:]
		queued[n] = false
		b := &f.blocks[n]
		b.out = b.in
		for i := b.start; i < b.end; i++ {
			f.step(&b.out, i)
		}
		if steps += b.end - b.start + places/8; steps > maxSteps {
			return false
		}
		for _, next := range b.next {
			if f.merge(next, &b.out) && !queued[next] {
				pending, queued[next] = append(pending, next), true
			}
		}
	}
	return true
}

// merge brings a state into a block and says whether that changed anything.
func (f *flow) merge(n int, s *state) bool {
	b := &f.blocks[n]
	if !b.reached {
		b.reached, b.in = true, *s
		return true
	}
	changed := false
	for loc := range b.in {
		joined := value{kind: phi, id: int32(n), loc: int16(loc)}
		if b.in[loc] == s[loc] || b.in[loc] == joined || b.in[loc].kind == unset {
			continue
		}
		if s[loc].kind == unset {
			joined = value{}
		}
		b.in[loc], changed = joined, true
	}
	return changed
}

// at gives the state before an instruction, nil if it is never reached.
func (f *flow) at(i int) *state {
	if s, ok := f.seen[i]; ok {
		return s
	}
	b := f.blockAt(i)
	if b == nil || !b.reached {
		return nil
	}
	s := b.in
	for at := b.start; at < i; at++ {
		f.step(&s, at)
	}
	if len(f.seen) < maxStates {
		f.seen[i] = &s
	}
	return &s
}

func (f *flow) blockAt(i int) *block {
	n, found := slices.BinarySearchFunc(f.blocks, i, func(b block, i int) int { return b.start - i })
	if !found {
		n--
	}
	if n < 0 || i >= f.blocks[n].end {
		return nil
	}
	return &f.blocks[n]
}

// atRaw gives the instruction that begins at or after a raw offset.
func (f *flow) atRaw(offset int) int {
	i, _ := slices.BinarySearch(f.raw, offset)
	return i
}

// maxOperands bounds the values looked at behind one phi.
const maxOperands = 64

// operand finds among the values that a phi stands for one of the same origin
// as v, as it arrives.
func (f *flow) operand(joined, v value) (value, bool) {
	seen := map[value]bool{}
	pending := []value{joined}
	for len(pending) > 0 && len(seen) < maxOperands {
		p := pending[0]
		pending = pending[1:]
		if seen[p] {
			continue
		}
		seen[p] = true
		if p.sameOrigin(v) {
			return p, true
		}
		if p.kind != phi {
			continue
		}
		for _, n := range f.blocks[p.id].before {
			if from := &f.blocks[n]; from.reached {
				next := from.out[p.loc]
				next.offset += p.offset
				pending = append(pending, next)
			}
		}
	}
	return value{}, false
}
