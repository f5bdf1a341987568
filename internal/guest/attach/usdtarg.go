//go:build linux

package attach

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Layout of struct __bpf_usdt_spec in libbpf's usdt.bpf.h.
const (
	usdtMaxArguments = 12
	usdtArgumentSize = 16
	usdtSpecSize     = usdtMaxArguments*usdtArgumentSize + 16

	usdtConstant = 0
	usdtRegister = 1
	usdtMemory   = 2
)

// spec encodes where the probe's arguments are.
func (p probe) spec() ([]byte, error) {
	spec := make([]byte, usdtSpecSize)
	arguments := splitArguments(p.arguments)
	if len(arguments) > usdtMaxArguments {
		return nil, fmt.Errorf("it has %d arguments; at most %d can be read", len(arguments), usdtMaxArguments)
	}
	for i, text := range arguments {
		a, err := parseArgument(text)
		if err != nil {
			return nil, err
		}
		at := spec[i*usdtArgumentSize:]
		binary.NativeEndian.PutUint64(at, a.value)
		binary.NativeEndian.PutUint32(at[8:], a.kind)
		binary.NativeEndian.PutUint16(at[12:], a.register)
		if a.signed {
			at[14] = 1
		}
		at[15] = a.shift
	}
	binary.NativeEndian.PutUint16(spec[usdtMaxArguments*usdtArgumentSize+8:], uint16(len(arguments)))
	return spec, nil
}

// splitArguments splits at spaces; the assembler writes none inside of one.
func splitArguments(text string) []string { return strings.Fields(text) }

// An argument is one place, as bpf_usdt_arg takes it.
type argument struct {
	value    uint64 // the constant, or the offset from the register's value
	kind     uint32
	register uint16 // offset in struct pt_regs
	signed   bool
	shift    uint8 // bits that are not the argument's
}

// parseArgument reads SIZE@PLACE, where PLACE is an operand in the assembler's
// words: -4@$5, 8@%rax, -4@-12(%rbp).
func parseArgument(text string) (argument, error) {
	sizeText, place, ok := strings.Cut(text, "@")
	size, err := strconv.Atoi(sizeText)
	if !ok || err != nil {
		return argument{}, fmt.Errorf("%q is not of the form SIZE@PLACE", text)
	}
	a := argument{signed: size < 0}
	size = max(size, -size)
	switch size {
	case 1, 2, 4, 8:
		a.shift = uint8(64 - 8*size)
	default:
		return argument{}, fmt.Errorf("%q has %d bytes, not 1, 2, 4 or 8", text, size)
	}
	if constant, ok := strings.CutPrefix(place, "$"); ok {
		value, err := strconv.ParseInt(constant, 0, 64)
		if err != nil {
			return argument{}, fmt.Errorf("%q is not a number: %w", constant, err)
		}
		a.kind, a.value = usdtConstant, uint64(value)
		return a, nil
	}
	offset, inner, memory := strings.Cut(place, "(")
	if !memory {
		a.kind = usdtRegister
		a.register, err = registerOffset(place)
		return a, err
	}
	if offset != "" {
		value, err := strconv.ParseInt(offset, 0, 64)
		if err != nil {
			return argument{}, fmt.Errorf("%q is at a symbol, which bpf_usdt_arg cannot read", text)
		}
		a.value = uint64(value)
	}
	a.kind = usdtMemory
	a.register, err = registerOffset(strings.TrimSuffix(inner, ")"))
	return a, err
}

// registers in the order of struct pt_regs (arch/x86/include/uapi/asm/ptrace.h),
// each under the names of its parts.
var registers = [...][]string{
	{"r15", "r15d", "r15w", "r15b"},
	{"r14", "r14d", "r14w", "r14b"},
	{"r13", "r13d", "r13w", "r13b"},
	{"r12", "r12d", "r12w", "r12b"},
	{"rbp", "ebp", "bp", "bpl"},
	{"rbx", "ebx", "bx", "bl"},
	{"r11", "r11d", "r11w", "r11b"},
	{"r10", "r10d", "r10w", "r10b"},
	{"r9", "r9d", "r9w", "r9b"},
	{"r8", "r8d", "r8w", "r8b"},
	{"rax", "eax", "ax", "al"},
	{"rcx", "ecx", "cx", "cl"},
	{"rdx", "edx", "dx", "dl"},
	{"rsi", "esi", "si", "sil"},
	{"rdi", "edi", "di", "dil"},
	{}, // orig_ax
	{"rip", "eip"},
	{},
	{}, // cs, flags
	{"rsp", "esp", "sp", "spl"},
}

func registerOffset(operand string) (uint16, error) {
	name, ok := strings.CutPrefix(operand, "%")
	if ok {
		for i, names := range registers {
			for _, known := range names {
				if name == known {
					return uint16(8 * i), nil
				}
			}
		}
	}
	return 0, fmt.Errorf("%q is not a register that bpf_usdt_arg can read", operand)
}
