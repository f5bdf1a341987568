//go:build linux

package load

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
)

// splice puts other code in the place of instructions: instead has an element
// for each, nil for those that stay. What jumped to one that was replaced comes
// to the first one in its place.
func splice(code asm.Instructions, instead []asm.Instructions) (asm.Instructions, error) {
	// Jumps count in slots of 8 bytes, of which some instructions have two.
	moved := make([]int, 0, slots(code)) // slot before to slot after; -1 within an instruction
	after := 0
	for i := range code {
		moved = append(moved, after)
		if code[i].Width() == 2 {
			moved = append(moved, -1)
		}
		if instead[i] != nil {
			after += slots(instead[i])
		} else {
			after += int(code[i].Width())
		}
	}
	out := make(asm.Instructions, 0, after)
	slot := 0
	for i, ins := range code {
		if instead[i] != nil {
			out = append(out, instead[i]...)
		} else {
			if distance, ok := jumps(ins); ok {
				to := slot + 1 + distance
				if to < 0 || to >= len(moved) || moved[to] < 0 {
					return nil, fmt.Errorf("instruction %d jumps to where none begins", i)
				}
				if ins, ok = jumping(ins, moved[to]-moved[slot]-1); !ok {
					return nil, fmt.Errorf("instruction %d would jump further than it can", i)
				}
			}
			out = append(out, ins)
		}
		slot += int(code[i].Width())
	}
	return out, nil
}

func slots(code asm.Instructions) int { return int(code.Size() / asm.InstructionSize) }

// jumps says how far an instruction may jump, counted from the next one. Calls
// and jumps to symbols find their way by themselves.
func jumps(ins asm.Instruction) (distance int, ok bool) {
	op := ins.OpCode.JumpOp()
	if op == asm.InvalidJumpOp || op == asm.Call || op == asm.Exit || ins.Reference() != "" {
		return 0, false
	}
	if isLongJump(ins) {
		return int(ins.Constant), true
	}
	return int(ins.Offset), true
}

func jumping(ins asm.Instruction, distance int) (asm.Instruction, bool) {
	if isLongJump(ins) {
		ins.Constant = int64(distance)
		return ins, distance >= math.MinInt32 && distance <= math.MaxInt32
	}
	ins.Offset = int16(distance)
	return ins, int(ins.Offset) == distance
}

// isLongJump knows the jump whose distance is its constant (gotol).
func isLongJump(ins asm.Instruction) bool {
	return ins.OpCode.Class() == asm.Jump32Class && ins.OpCode.JumpOp() == asm.Ja
}
