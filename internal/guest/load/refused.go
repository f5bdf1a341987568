//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// A ring buffer without room says so to the program that calls, and to nobody
// else: the kernel keeps no count of it, and 7.3 builds kernel/bpf/ringbuf.c
// without ftrace, so that no program can be attached to the helpers. Hence the
// programs that run count for us: instructions of ours follow each such call.
// What is reported of a program is nevertheless what the kernel says to the
// one that was given; the one that counts is loaded after it.

// showRing is the ring buffer of skep.h, which counts by itself.
const showRing = "skep_show"

// A tally is what the ring buffers of an object refuse.
type tally struct {
	rings  []ring
	shared bool      // there are other ring buffers: a call may be about each
	counts *ebpf.Map // an array of one element: a u64 for each of rings
	// programs are those that count, as they were loaded.
	programs map[string]*ebpf.ProgramSpec
}

type ring struct {
	name string
	m    *ebpf.Map
}

// countRefused puts a program that counts into the place of one that was
// loaded. If that fails, the one that was loaded stays.
func (l *Loader) countRefused(prepared *ebpf.ProgramSpec, a amendment) error {
	if !l.opts.CountRefused || !slices.ContainsFunc(prepared.Instructions, canBeRefused) {
		return nil
	}
	if l.tally == nil {
		var err error
		if l.tally, err = l.newTally(); err != nil {
			return err
		}
	}
	if len(l.tally.rings) == 0 {
		return nil
	}
	counting, err := l.tally.counting(prepared)
	if err != nil {
		return err
	}
	program, err := l.withoutLog(counting, a)
	if err != nil {
		return err
	}
	_ = l.programs[prepared.Name].Close()
	l.programs[prepared.Name] = program
	l.tally.programs[prepared.Name] = counting
	return nil
}

func (l *Loader) withoutLog(spec *ebpf.ProgramSpec, a amendment) (*ebpf.Program, error) {
	if a != (amendment{}) {
		program, _, err := l.amended(spec, a)
		return program, err
	}
	options := l.options()
	options.Programs.LogDisabled = true
	return l.one(spec, options)
}

func (l *Loader) newTally() (*tally, error) {
	t := &tally{programs: make(map[string]*ebpf.ProgramSpec)}
	all := 0
	for _, spec := range l.object.Maps {
		if spec.Type != ebpf.RingBuf {
			continue
		}
		all++
		if spec.Name != showRing {
			t.rings = append(t.rings, ring{spec.Name, l.maps[spec.Name]})
		}
	}
	t.shared = all > 1
	if len(t.rings) == 0 {
		return t, nil
	}
	var err error
	t.counts, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "skep_refused", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(8 * len(t.rings)), MaxEntries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("make a map for the counts: %w", err)
	}
	return t, nil
}

// Refused tells how many calls each ring buffer has refused so far, if any.
func (l *Loader) Refused(tell func(name string, count uint64)) error {
	if l.tally == nil || l.tally.counts == nil {
		return nil
	}
	counts, err := l.tally.counts.LookupBytes(uint32(0))
	if err != nil {
		return err
	}
	for i, ring := range l.tally.rings {
		if n := binary.NativeEndian.Uint64(counts[8*i:]); n > 0 {
			tell(ring.name, n)
		}
	}
	return nil
}

// counting makes a prepared program one that counts.
func (t *tally) counting(prepared *ebpf.ProgramSpec) (*ebpf.ProgramSpec, error) {
	code := prepared.Instructions
	instead := make([]asm.Instructions, len(code))
	for i := range code {
		switch {
		case !canBeRefused(code[i]):
		case t.shared:
			instead[i] = t.asking(code[i])
		default:
			instead[i] = t.counted(code[i], 0)
		}
	}
	spliced, err := splice(code, instead)
	if err != nil {
		return nil, err
	}
	for i := range spliced {
		// The lines of the source serve logs only, and cost time.
		spliced[i] = spliced[i].WithSource(nil)
	}
	program := prepared.Copy()
	program.Instructions = spliced
	return program, nil
}

func canBeRefused(ins asm.Instruction) bool {
	if !ins.IsBuiltinCall() {
		return false
	}
	switch asm.BuiltinFunc(ins.Constant) {
	case asm.FnRingbufOutput, asm.FnRingbufReserve, asm.FnRingbufReserveDynptr:
		return true
	}
	return false
}

// counted is a call that adds 1 to a count if it is refused, else 0: without a
// branch the verifier has no second way to follow. R1 to R5 are free behind a
// call, as they hold nothing there.
func (t *tally) counted(call asm.Instruction, n int) asm.Instructions {
	code := asm.Instructions{call, asm.Mov.Reg32(asm.R1, asm.R0)}
	if asm.BuiltinFunc(call.Constant) == asm.FnRingbufReserve {
		// NULL or an address, of which the verifier lets nobody calculate with
		// more than the lower half. That is 0 for NULL, and for a record just
		// at a multiple of 4 GiB, but all ring buffers lie closer together.
		code = append(code, asm.Sub.Imm(asm.R1, 1), asm.RSh.Imm(asm.R1, 63))
	} else {
		// 0 or a negative error.
		code = append(code, asm.RSh.Imm32(asm.R1, 31))
	}
	return append(code,
		from(asm.LoadMapValue(asm.R2, 0, uint32(8*n)), t.counts),
		asm.StoreXAdd(asm.R2, asm.R1, asm.DWord))
}

// asking is a call that finds out first which ring buffer it is about. That is
// its first argument, and R5 is free, as it has no fifth.
func (t *tally) asking(call asm.Instruction) asm.Instructions {
	// Metadata says, among other things, that a function begins here.
	begin := call.Metadata
	call.Metadata = asm.Metadata{}
	code := asm.Instructions{call} // for a ring buffer that is not counted for
	for i := len(t.rings) - 1; i >= 0; i-- {
		counted := t.counted(call, i)
		counted = append(counted, asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource), Offset: int16(slots(code))})
		ask := asm.Instructions{
			from(asm.LoadMapPtr(asm.R5, 0), t.rings[i].m),
			{OpCode: asm.JNE.Op(asm.RegSource), Dst: asm.R1, Src: asm.R5, Offset: int16(slots(counted))},
		}
		code = slices.Concat(ask, counted, code)
	}
	code[0].Metadata = begin
	code[0] = from(code[0], t.rings[0].m)
	return code
}

// from is a load of the address of a map, or of its value.
func from(load asm.Instruction, m *ebpf.Map) asm.Instruction {
	_ = load.AssociateMap(m) // fails for other instructions only
	return load
}
