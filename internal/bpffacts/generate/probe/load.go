//go:build linux

package probe

import (
	"bytes"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Licences. The verifier asks only whether one is GPL-compatible.
const (
	gpl        = "GPL"
	notGPL     = "Proprietary"
	progLoad   = 5 // BPF_PROG_LOAD
	logStats   = 4 // BPF_LOG_STATS: of a rejection, the reason only
	callHelper = 0
	callKfunc  = 2 // BPF_PSEUDO_KFUNC_CALL
)

// loadAttr is the part of union bpf_attr for BPF_PROG_LOAD up to core_relo_cnt.
type loadAttr struct {
	progType    uint32
	insnCnt     uint32
	insns       unsafe.Pointer
	license     unsafe.Pointer
	logLevel    uint32
	logSize     uint32
	logBuf      unsafe.Pointer
	kernVersion uint32
	progFlags   uint32
	progName    [16]byte
	ifindex     uint32
	attachType  uint32
	btfFD       uint32
	funcInfoRec uint32
	funcInfo    uint64
	funcInfoCnt uint32
	lineInfoRec uint32
	lineInfo    uint64
	lineInfoCnt uint32
	attachBTF   uint32
	attachFD    uint32
	coreReloCnt uint32
}

// instruction is struct bpf_insn.
type instruction struct {
	code     uint8
	register uint8 // destination in the lower half
	offset   int16
	imm      int32
}

// returning is "r0 = value; exit".
func returning(value int32) []instruction {
	return []instruction{{code: 0xb7, imm: value}, {code: 0x95}}
}

// calling makes one call, with nothing in the registers but what the kernel
// puts there, and returns.
func calling(kind uint8, number uint32, value int32) []instruction {
	call := instruction{code: 0x85, register: kind << 4, imm: int32(number)}
	return append([]instruction{call}, returning(value)...)
}

// loader loads programs of one hook.
type loader struct {
	hook    Hook
	license []byte
	log     []byte
}

func (h Hook) loader(license string) *loader {
	return &loader{hook: h, license: append([]byte(license), 0), log: make([]byte, 64<<10)}
}

// load gives what the verifier says against a program, or nothing. It gives up
// with EAGAIN when a signal arrives, as Go's scheduler sends them (do_check in
// kernel/bpf/verifier.c).
func (l *loader) load(code []instruction) string {
	for {
		if log, errno := l.attempt(code); errno != unix.EAGAIN && errno != unix.EINTR {
			return log
		}
	}
}

func (l *loader) attempt(code []instruction) (log string, errno unix.Errno) {
	l.log[0] = 0
	attr := loadAttr{
		progType: l.hook.ProgramType, attachType: l.hook.AttachType, progFlags: l.hook.Flags, attachBTF: l.hook.AttachBTF,
		insnCnt: uint32(len(code)), insns: unsafe.Pointer(unsafe.SliceData(code)), license: unsafe.Pointer(unsafe.SliceData(l.license)),
		logLevel: logStats, logSize: uint32(len(l.log)), logBuf: unsafe.Pointer(unsafe.SliceData(l.log)),
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(code)
	if errno == 0 {
		_ = unix.Close(int(fd))
		return "", 0
	}
	if end := bytes.IndexByte(l.log, 0); end > 0 {
		return string(l.log[:end]), errno
	}
	return unix.ErrnoName(errno), errno
}

// Ask asks one hook.
func (h Hook) Ask(job Job) Answer {
	answer := Answer{Name: h.Name}
	l, value := h.loader(notGPL), int32(0)
	if answer.Refused = l.load(returning(value)); answer.Refused != "" {
		l, answer.NeedsGPL = h.loader(gpl), true
		if second := l.load(returning(value)); second != "" {
			// Some hooks let programs return nothing but 1.
			l, answer.NeedsGPL, value = h.loader(notGPL), false, 1
			if l.load(returning(value)) != "" {
				answer.Refused, answer.NeedsGPL = second, false
				return answer
			}
		}
		answer.Refused = ""
	}
	for number := 1; number <= job.Helpers; number++ {
		answer.Helpers = append(answer.Helpers, l.load(calling(callHelper, uint32(number), value)))
	}
	l = h.loader(gpl)
	for _, id := range job.Kfuncs {
		answer.Kfuncs = append(answer.Kfuncs, l.load(calling(callKfunc, id, value)))
	}
	return answer
}
