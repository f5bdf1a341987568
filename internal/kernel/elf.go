package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
)

const (
	elfMagic = "\x7fELF"
	// maxBTF bounds the .BTF section: 5 MB in Debian's kernels.
	maxBTF = 64 << 20
	// maxNotes bounds the notes that are searched.
	maxNotes = 1 << 20
	// notePVHEntry is XEN_ELFNOTE_PHYS32_ENTRY of
	// include/xen/interface/elfnote.h: where a PVH guest starts.
	notePVHEntry = 18
)

// bannerPattern is the begin of linux_banner (init/version-timestamp.c): what
// /proc/version prints.
var bannerPattern = regexp.MustCompile(`Linux version ([0-9][0-9A-Za-z.+~_-]{0,100}) \(`)

// vmlinux is what skep needs to know of an unpacked kernel.
type vmlinux struct {
	release string
	series  string
	btf     []byte
}

// inspect reads a vmlinux and says in its error what it lacks.
func inspect(r io.ReaderAt, size int64) (vmlinux, error) {
	file, err := elf.NewFile(r)
	if err != nil {
		return vmlinux{}, fmt.Errorf("read vmlinux: %w", err)
	}
	if file.Class != elf.ELFCLASS64 || file.Machine != elf.EM_X86_64 {
		return vmlinux{}, fmt.Errorf("it is a kernel for %s (%s); skep runs kernels for x86-64", file.Machine, file.Class)
	}
	if !hasPVHEntry(file) {
		return vmlinux{}, errors.New("it has no PVH entry point; build it with CONFIG_PVH=y")
	}
	section := file.Section(".BTF")
	if section == nil {
		return vmlinux{}, errors.New("it has no BTF; build it with CONFIG_DEBUG_INFO_BTF=y")
	}
	var v vmlinux
	if v.btf, err = sectionData(section, maxBTF); err != nil {
		return vmlinux{}, fmt.Errorf("read its BTF: %w", err)
	}
	if v.release, err = findRelease(io.NewSectionReader(r, 0, size)); err != nil {
		return vmlinux{}, err
	}
	v.series, err = seriesOf(v.release)
	return v, err
}

func hasPVHEntry(file *elf.File) bool {
	for _, program := range file.Progs {
		if program.Type != elf.PT_NOTE || program.Filesz > maxNotes {
			continue
		}
		notes := make([]byte, program.Filesz)
		if _, err := program.ReadAt(notes, 0); err == nil && findNote(notes, "Xen", notePVHEntry) {
			return true
		}
	}
	return false
}

// findNote looks through notes: sizes of name and content and the type, each
// u32 in little-endian order, then name and content, each padded to 4 bytes.
func findNote(notes []byte, owner string, kind uint32) bool {
	const header = 12
	for len(notes) >= header {
		nameSize := uint64(binary.LittleEndian.Uint32(notes))
		size := uint64(binary.LittleEndian.Uint32(notes[4:]))
		name := notes[header:]
		if nameSize <= uint64(len(name)) && binary.LittleEndian.Uint32(notes[8:]) == kind &&
			string(bytes.TrimRight(name[:nameSize], "\x00")) == owner {
			return true
		}
		next := header + (nameSize+3)&^3 + (size+3)&^3
		if next > uint64(len(notes)) {
			return false
		}
		notes = notes[next:]
	}
	return false
}

// sectionData reads a section that is stored as it is and is not longer than
// limit.
func sectionData(section *elf.Section, limit uint64) ([]byte, error) {
	switch {
	case section.Type == elf.SHT_NOBITS, section.Flags&elf.SHF_COMPRESSED != 0:
		return nil, fmt.Errorf("section %s is not stored in plain", section.Name)
	case section.Size > limit:
		return nil, fmt.Errorf("section %s of %d bytes is over the limit of %d", section.Name, section.Size, limit)
	}
	return section.Data()
}

// findRelease searches the kernel's banner for its release.
func findRelease(r io.Reader) (string, error) {
	const overlap = 256 // longer than what the pattern matches
	window := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(r, window[len(window):cap(window)])
		window = window[:len(window)+n]
		if match := bannerPattern.FindSubmatch(window); match != nil {
			return string(match[1]), nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return "", errors.New("it has no banner that tells its release")
		}
		if err != nil {
			return "", fmt.Errorf("search its release: %w", err)
		}
		kept := copy(window, window[len(window)-overlap:])
		window = window[:kept]
	}
}
