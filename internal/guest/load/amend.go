//go:build linux

package load

import (
	"encoding/binary"
	"errors"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// An amendment changes a program load on its way from the library into the
// kernel, where the library (v0.22) cannot say what is needed. The zero value
// changes nothing.
type amendment struct {
	// attachType replaces expected_attach_type, if not zero.
	attachType uint32
	// addressSpaceCasts puts back the offset of 1 that marks a move between
	// address spaces (BPF_ADDR_SPACE_CAST). The library drops it.
	addressSpaceCasts bool
	// logLevel and logBytes ask for a log in a buffer that does not grow.
	logLevel uint32
	logBytes int
}

// amendmentOf says what a program needs that the library cannot do: for
// lsm_cgroup and fsession it does not look up the BTF id of the target, but it
// does so for the attach types that are their nearest kin.
func amendmentOf(spec *ebpf.ProgramSpec) amendment {
	var a amendment
	if spec.Type == ebpf.LSM && spec.AttachType == ebpf.AttachLSMCgroup ||
		spec.Type == ebpf.Tracing && isFSession(spec) {
		a.attachType = uint32(spec.AttachType)
	}
	for i := range spec.Instructions {
		if isAddressSpaceCast(&spec.Instructions[i]) {
			a.addressSpaceCasts = true
			break
		}
	}
	return a
}

func isFSession(spec *ebpf.ProgramSpec) bool {
	head := sectionHead(spec.SectionName)
	return head == "fsession" || head == "fsession.s"
}

// kin is the attach type under which the library looks up the target.
func kin(spec *ebpf.ProgramSpec) ebpf.AttachType {
	switch {
	case spec.Type == ebpf.LSM:
		return ebpf.AttachLSMMac
	case isFSession(spec):
		return ebpf.AttachTraceFExit
	}
	return spec.AttachType
}

// isAddressSpaceCast knows a move by its constant, which holds both address
// spaces and is 0 in every other move between registers.
func isAddressSpaceCast(i *asm.Instruction) bool {
	return i.OpCode.Class() == asm.ALU64Class && i.OpCode.ALUOp() == asm.Mov &&
		i.OpCode.Source() == asm.RegSource && i.Constant != 0
}

// mov64Register is the opcode of a 64-bit move between registers.
const mov64Register = 0xbf

// restoreCasts amends instructions as the kernel would read them.
func restoreCasts(instructions []byte) {
	for at := 0; at+8 <= len(instructions); at += 8 {
		i := instructions[at : at+8]
		switch {
		case i[0] == wideLoad:
			at += 8
		case i[0] == mov64Register && binary.NativeEndian.Uint16(i[2:]) == 0 && binary.NativeEndian.Uint32(i[4:]) != 0:
			binary.NativeEndian.PutUint16(i[2:], 1)
		}
	}
}

// wideLoad is the opcode of a 64-bit immediate load, which is two long.
const wideLoad = 0x18

// amended loads a program with an amendment.
func (l *Loader) amended(spec *ebpf.ProgramSpec, a amendment) (*ebpf.Program, verifierLog, error) {
	marked := spec.Copy()
	marked.KernelVersion = mark
	if a.attachType != 0 {
		marked.AttachType = kin(spec)
	}
	if a.logLevel == 0 {
		a.logLevel, a.logBytes = uint32(ebpf.LogLevelStats), statsLogBytes
	}
	options := l.options()
	options.Programs.LogDisabled = true
	var program *ebpf.Program
	var loadErr error
	seen, err := intercept(a, func() { program, loadErr = l.one(marked, options) })
	if err != nil {
		return nil, verifierLog{}, err
	}
	log := verifierLog{text: seen.log, truncated: seen.truncated}
	if loadErr != nil && seen.errno != 0 && !errors.Is(loadErr, seen.errno) {
		loadErr = seen.errno
	}
	return program, log, loadErr
}

const statsLogBytes = 64 << 10
