package object

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"unicode/utf8"
)

// What can be wrong with an object. Every error of [Read] and [Strip] wraps
// one of these and reads as a sentence for the person who sent the file.
var (
	// ErrNotELF: the bytes are no ELF file.
	ErrNotELF = errors.New("not an ELF file")
	// ErrArchitecture: an ELF file for another machine than BPF.
	ErrArchitecture = errors.New("object for another architecture")
	// ErrBigEndian: BPF in big-endian order; our machines are x86-64.
	ErrBigEndian = errors.New("big-endian BPF object")
	// ErrNoPrograms: nothing in it that could be loaded.
	ErrNoPrograms = errors.New("no BPF programs")
	// ErrNoBTF: something in it cannot be understood without BTF.
	ErrNoBTF = errors.New("no BTF")
	// ErrTooLarge: over [MaxSize], or it would grow out of proportion.
	ErrTooLarge = errors.New("object too large")
	// ErrCorrupted: the ELF file, its BTF or its symbols contradict themselves.
	ErrCorrupted = errors.New("corrupted object")
	// ErrRefused: a sound ELF file that uses what the loader does not accept.
	ErrRefused = errors.New("object refused by the loader")
)

// An Error says in a sentence what is wrong and what the reader can do.
type Error struct {
	Kind     error  // one of the sentinels above
	Sentence string // for the user
	Cause    error  // for the log; may be nil
}

func (e *Error) Error() string { return e.Sentence }

// Unwrap gives the sentinel and, where there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func failure(kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Sentence: fmt.Sprintf(format, args...), Cause: cause}
}

func corrupted(cause error) *Error {
	return failure(ErrCorrupted, cause,
		"The object is damaged: %v. Compile it again with clang -O2 -g -target bpf -c.", cause)
}

// signatures are the first bytes of files that people send instead of an
// object. The first match counts.
var signatures = []struct{ magic, looksLike string }{
	{"BC\xc0\xde", "LLVM bitcode: it was made with -emit-llvm or -flto, which must be left out"},
	{"\xde\xc0\x17\x0b", "LLVM bitcode: it was made with -emit-llvm or -flto, which must be left out"},
	{"!<arch>\n", "a static library (ar archive): take the object out of it with llvm-ar x"},
	{"!<thin>\n", "a thin archive: give the object that it names"},
	{"\x00asm", "a WebAssembly module"},
	{"MZ", "a Windows executable"},
	{"\xcf\xfa\xed\xfe", "a Mach-O file: the compiler made code for macOS; compile with -target bpf"},
	{"\xca\xfe\xba\xbe", "a Mach-O or Java class file"},
	{"\x1f\x8b", "gzip data: unpack it first"},
	{"\x28\xb5\x2f\xfd", "zstd data: unpack it first"},
	{"\xfd7zXZ\x00", "xz data: unpack it first"},
	{"PK\x03\x04", "a zip archive: unpack it first"},
	{"\x9f\xeb", "raw BTF without code (big-endian or little-endian): give the object that it came from"},
	{"\xeb\x9f", "raw BTF without code (big-endian or little-endian): give the object that it came from"},
}

// sourceMarks are found in C source of BPF programs and hardly elsewhere.
var sourceMarks = []string{"#include", "SEC(", "#define", "int main(", "return ", "struct "}

func notELF(data []byte) *Error {
	return failure(ErrNotELF, nil, "This is not a compiled BPF object but %s.", looksLike(data))
}

func looksLike(data []byte) string {
	if len(data) == 0 {
		return "an empty file"
	}
	for _, s := range signatures {
		if bytes.HasPrefix(data, []byte(s.magic)) {
			return s.looksLike
		}
	}
	head := data[:min(len(data), 4096)]
	if !isText(head) {
		return "data of an unknown kind"
	}
	for _, mark := range sourceMarks {
		if bytes.Contains(head, []byte(mark)) {
			return "C source: name the file *.c, or compile it with clang -O2 -g -target bpf -c"
		}
	}
	if bytes.HasPrefix(head, []byte("; ModuleID")) || bytes.HasPrefix(head, []byte("target datalayout")) {
		return "LLVM assembly: it was made with -emit-llvm, which must be left out"
	}
	return "a text file"
}

// isText says whether head, which may end in the middle of a character, is
// printable UTF-8.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && size == 1 && len(head) >= utf8.UTFMax:
			return false
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f':
			return false
		}
		head = head[size:]
	}
	return true
}

// machineNames are what people call the architectures that a compiler without
// -target bpf makes code for.
var machineNames = map[elf.Machine]string{
	elf.EM_X86_64:    "x86-64",
	elf.EM_386:       "x86 (32 bits)",
	elf.EM_AARCH64:   "ARM64",
	elf.EM_ARM:       "ARM (32 bits)",
	elf.EM_RISCV:     "RISC-V",
	elf.EM_PPC64:     "PowerPC64",
	elf.EM_S390:      "s390x",
	elf.EM_MIPS:      "MIPS",
	elf.EM_LOONGARCH: "LoongArch",
	elf.EM_SPARCV9:   "SPARC64",
}

func wrongMachine(m elf.Machine, typ elf.Type) *Error {
	name := machineNames[m]
	if name == "" {
		name = m.String()
	}
	what := "object"
	switch typ {
	case elf.ET_EXEC:
		what = "executable"
	case elf.ET_DYN:
		what = "executable or shared library"
	}
	return failure(ErrArchitecture, nil,
		"This is an %s %s, not BPF; compile with clang -O2 -g -target bpf -c.", name, what)
}
