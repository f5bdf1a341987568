//go:build linux

package load

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
)

// jump is a jump as it stands in an object: with a distance, not a symbol.
func jump(op asm.JumpOp, distance int16) asm.Instruction {
	return asm.Instruction{OpCode: op.Op(asm.ImmSource), Offset: distance}
}

func longJump(distance int64) asm.Instruction {
	return asm.Instruction{OpCode: asm.LongJump("").OpCode, Constant: distance}
}

func TestSplice(t *testing.T) {
	call := asm.FnRingbufOutput.Call()
	nop := asm.Mov.Reg(asm.R1, asm.R1)
	wide := asm.LoadImm(asm.R2, 1<<40, asm.DWord) // two slots
	three := asm.Instructions{call, nop, nop}
	question := asm.Instructions{wide, call}
	far := make(asm.Instructions, 32766)
	for i := range far {
		far[i] = nop
	}
	tests := []struct {
		name    string
		code    asm.Instructions
		instead map[int]asm.Instructions
		want    asm.Instructions
		err     string
	}{
		{
			name:    "jumps over a call, both ways",
			code:    asm.Instructions{jump(asm.JEq, 1), call, jump(asm.JNE, -3), asm.Return()},
			instead: map[int]asm.Instructions{1: three},
			want:    asm.Instructions{jump(asm.JEq, 3), call, nop, nop, jump(asm.JNE, -5), asm.Return()},
		},
		{
			name:    "jumps to a call",
			code:    asm.Instructions{jump(asm.JEq, 2), wide, call, jump(asm.Ja, -2), asm.Return()},
			instead: map[int]asm.Instructions{2: question},
			want:    asm.Instructions{jump(asm.JEq, 2), wide, wide, call, jump(asm.Ja, -4), asm.Return()},
		},
		{
			name:    "long jumps",
			code:    asm.Instructions{longJump(1), call, longJump(-3), asm.Return()},
			instead: map[int]asm.Instructions{1: three},
			want:    asm.Instructions{longJump(3), call, nop, nop, longJump(-5), asm.Return()},
		},
		{
			name: "calls and symbols are not distances",
			code: asm.Instructions{
				asm.Call.Label("f"), call, asm.Ja.Label("out"), asm.Return().WithSymbol("out"),
			},
			instead: map[int]asm.Instructions{1: three},
			want: asm.Instructions{
				asm.Call.Label("f"), call, nop, nop, asm.Ja.Label("out"), asm.Return().WithSymbol("out"),
			},
		},
		{
			name:    "too far",
			code:    append(append(asm.Instructions{jump(asm.JEq, 32767), call}, far...), asm.Return()),
			instead: map[int]asm.Instructions{1: three},
			err:     "instruction 0 would jump further than it can",
		},
		{
			name: "into an instruction",
			code: asm.Instructions{jump(asm.JEq, 1), wide, asm.Return()},
			err:  "instruction 0 jumps to where none begins",
		},
		{
			name: "out of the code",
			code: asm.Instructions{jump(asm.JEq, 7), asm.Return()},
			err:  "instruction 0 jumps to where none begins",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			instead := make([]asm.Instructions, len(test.code))
			for i, other := range test.instead {
				instead[i] = other
			}
			got, err := splice(test.code, instead)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(listing(test.want), listing(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func listing(code asm.Instructions) string {
	var b strings.Builder
	for _, ins := range code {
		b.WriteString(strings.TrimSpace(ins.Symbol()+" "+ins.Reference()) + "\t")
		_, _ = b.WriteString(asm.Instructions{ins}.String())
	}
	return b.String()
}
