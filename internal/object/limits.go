package object

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// MaxSize is the largest object that [Read] takes, in bytes.
const MaxSize = 8 << 20

// What the loader may be made to allocate by a small file.
const (
	// maxZeroData bounds .bss, in bytes: it takes no room in the file.
	maxZeroData = 32 << 20
	// maxVariables bounds the sum of all variables, in bytes: the loader
	// copies the bytes of each symbol, and symbols may overlap.
	maxVariables = 64 << 20
	// maxInstructions bounds the instructions of all programs with the
	// subprograms that each of them gets a copy of.
	maxInstructions = 4 << 20
	// maxTypes bounds BTF types by the bytes of their section: the loader
	// follows chains of them by recursion, with up to 2.7 KB of stack for each
	// type, and Go ends the process at 1 GB. clang writes some thousands
	// of types for a program that uses much of the kernel.
	maxTypes      = 60_000
	btfHeaderSize = 24
	btfTypeSize   = 12
)

// checkGrowth refuses objects that would grow out of proportion in the loader.
func (img *image) checkGrowth(symbols []symbol) error {
	var zero, variables uint64
	for i := range img.sections {
		if s := &img.sections[i]; s.typ == elf.SHT_NOBITS {
			if s.size > maxZeroData || zero+s.size > maxZeroData {
				return tooLarge("its .bss needs more than %d MiB", maxZeroData>>20)
			}
			zero += s.size
		}
		if s := &img.sections[i]; s.flags&elf.SHF_COMPRESSED != 0 && !isDebugName(s.name) {
			return corrupted(fmt.Errorf("section %s is compressed", s.name))
		}
	}
	for i := range symbols {
		s := &symbols[i]
		if int(s.section) >= len(img.sections) || img.sections[s.section].executable() {
			continue
		}
		// Out-of-bounds symbols are refused by the loader before it copies.
		variables += min(s.size, img.sections[s.section].size)
		if variables > maxVariables {
			return tooLarge("its variables need more than %d MiB", maxVariables>>20)
		}
	}
	if n := img.linkedInstructions(symbols); n > maxInstructions {
		return tooLarge("its programs with their subprograms have more than %d instructions", maxInstructions)
	}
	return img.checkTypes()
}

func tooLarge(format string, args ...any) error {
	return failure(ErrTooLarge, nil, "The object is too large: "+format+".", args...)
}

// linkedInstructions estimates from above how many instructions the loader
// holds when each program has its own copy of what it may call.
func (img *image) linkedInstructions(symbols []symbol) uint64 {
	called := img.calledSections(symbols)
	var own, shared, programs uint64
	for i := range symbols {
		s := &symbols[i]
		if int(s.section) >= len(img.sections) || !img.sections[s.section].executable() || s.name == "" {
			continue
		}
		count := min(s.size, img.sections[s.section].size) / 8
		own += count
		programs++
		if called[s.section] {
			shared += count
		}
	}
	if shared > 0 && programs > maxInstructions/shared {
		return maxInstructions + 1
	}
	return own + programs*shared
}

// calledSections says which sections hold functions that are called or whose
// address is taken.
func (img *image) calledSections(symbols []symbol) map[uint16]bool {
	called := make(map[uint16]bool)
	for i := range img.sections {
		if !img.sections[i].executable() {
			continue
		}
		relocated := make(map[uint64]bool)
		for _, r := range img.relocations(i) {
			relocated[r.offset] = true
			if int(r.symbol) >= len(symbols) {
				continue
			}
			if s := symbols[r.symbol].section; int(s) < len(img.sections) && img.sections[s].executable() {
				called[s] = true
			}
		}
		// Up to LLVM 9, calls within a section carry no relocation.
		for offset, code := 0, img.sections[i].data; offset+8 <= len(code); offset += 8 {
			const call, pseudoCall = 0x85, 1
			if code[offset] == call && code[offset+1]>>4 == pseudoCall && !relocated[uint64(offset)] {
				called[uint16(i)] = true
			}
		}
	}
	return called
}

// checkTypes bounds the number of BTF types by the length of their section.
func (img *image) checkTypes() error {
	s := img.section(".BTF")
	if s == nil {
		return nil
	}
	if len(s.data) < btfHeaderSize {
		return corrupted(fmt.Errorf("the .BTF section has %d bytes", len(s.data)))
	}
	if size := binary.LittleEndian.Uint32(s.data[12:]); size/btfTypeSize > maxTypes {
		return tooLarge("it has more than %d BTF types", maxTypes)
	}
	return nil
}

// checkPrograms refuses objects in which there is nothing to load, and says
// what the author may have forgotten.
func (img *image) checkPrograms(symbols []symbol) error {
	var loose []string
	for i := range symbols {
		s := &symbols[i]
		if int(s.section) >= len(img.sections) || !img.sections[s.section].executable() || s.typ() == elf.STT_SECTION {
			continue
		}
		if img.sections[s.section].name != ".text" {
			return nil
		}
		if s.typ() == elf.STT_FUNC && len(loose) < 3 {
			loose = append(loose, s.name)
		}
	}
	if len(loose) > 0 {
		return failure(ErrNoPrograms, nil,
			"The object has functions (%s) but none is a program: put SEC(\"...\") before the one to load, for example SEC(\"xdp\").", strings.Join(loose, ", "))
	}
	return failure(ErrNoPrograms, nil, "The object has no programs: a program is a function with SEC(\"...\") before it.")
}

// checkBTF refuses objects whose maps or struct_ops are described by BTF that
// is not there.
func (img *image) checkBTF() error {
	if img.section(".BTF") != nil {
		return nil
	}
	for i := range img.sections {
		name := img.sections[i].name
		if name == ".maps" || strings.HasPrefix(name, ".struct_ops") {
			return failure(ErrNoBTF, nil,
				"The object has no BTF, which its section %s needs: it was compiled without -g (or stripped too far). Compile it with clang -O2 -g -target bpf -c.", name)
		}
	}
	return nil
}

var errPanic = errors.New("the loader's parser gave up")
