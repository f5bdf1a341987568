package object

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// sectionLLVMAddrsig is SHT_LLVM_ADDRSIG: symbol numbers for a linker's
// identical code folding, useless to a loader and wrong once symbols move.
const sectionLLVMAddrsig elf.SectionType = 0x6fff4c03

// Strip gives a copy of an object without its DWARF: the .debug_* sections,
// their relocations and their section symbols. BTF, BTF.ext and all that a
// loader reads stay, so that the copy loads as the original does. Errors are
// as those of [Read].
func Strip(data []byte) ([]byte, error) {
	img, err := parseImage(data)
	if err != nil {
		return nil, err
	}
	keep := img.keptSections()
	if keep == nil {
		return append([]byte(nil), data...), nil
	}
	s := &stripper{img: img, sectionIndex: keep}
	if err := s.keepSymbols(); err != nil {
		return nil, corrupted(err)
	}
	return s.write(), nil
}

// keptSections maps each section to its index in the copy, -1 for those that
// go. It is nil where nothing goes, or where the file has parts that give
// section or symbol numbers a meaning we do not know: then all must stay.
func (img *image) keptSections() []int {
	if img.programs != 0 {
		return nil
	}
	index := make([]int, len(img.sections))
	next := 0
	for i := range img.sections {
		s := &img.sections[i]
		switch s.typ {
		case elf.SHT_GROUP, elf.SHT_SYMTAB_SHNDX, elf.SHT_RELA: //nolint:misspell // ELF's name
			return nil
		}
		index[i] = next
		if img.isDebug(i) || s.typ == sectionLLVMAddrsig {
			index[i] = -1
			continue
		}
		next++
	}
	if next == len(index) || index[img.names] < 0 {
		return nil
	}
	return index
}

// isDebug says whether a section is DWARF or relocates DWARF.
func (img *image) isDebug(i int) bool {
	s := &img.sections[i]
	if s.typ == elf.SHT_REL && int(s.info) < len(img.sections) && s.info != 0 {
		return isDebugName(img.sections[s.info].name)
	}
	return s.typ == elf.SHT_PROGBITS && isDebugName(s.name)
}

func isDebugName(name string) bool {
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_")
}

// A stripper writes a copy of an image with fewer sections.
type stripper struct {
	img          *image
	sectionIndex []int    // old section to new, -1 if it goes
	symbolIndex  []uint32 // old symbol to new; 0 if it goes
	symtab       int      // index of the symbol table in img, -1 if there is none
	newSymtab    []byte
	locals       uint32 // st_info binding LOCAL among the new symbols
}

// keepSymbols drops the symbols of sections that go and numbers the rest.
func (s *stripper) keepSymbols() error {
	s.symtab = -1
	symbols, err := s.img.symbols()
	if err != nil || symbols == nil {
		return err
	}
	for i := range s.img.sections {
		if s.img.sections[i].typ == elf.SHT_SYMTAB {
			s.symtab = i
			break
		}
	}
	old := s.img.sections[s.symtab].data
	s.symbolIndex = make([]uint32, len(symbols))
	s.newSymtab = make([]byte, 0, len(old))
	for i := range symbols {
		section := symbols[i].section
		if int(section) < len(s.sectionIndex) {
			if s.sectionIndex[section] < 0 {
				continue
			}
			section = uint16(s.sectionIndex[section])
		}
		s.symbolIndex[i] = uint32(len(s.newSymtab) / symbolSize)
		s.newSymtab = append(s.newSymtab, old[i*symbolSize:(i+1)*symbolSize]...)
		binary.LittleEndian.PutUint16(s.newSymtab[len(s.newSymtab)-symbolSize+6:], section)
		if elf.ST_BIND(symbols[i].info) == elf.STB_LOCAL {
			s.locals++
		}
	}
	return nil
}

// write lays the kept sections out in their old order, the header table last.
func (s *stripper) write() []byte {
	out := make([]byte, headerSize, len(s.img.file))
	copy(out, s.img.file[:headerSize])
	var table []byte
	for i := range s.img.sections {
		if s.sectionIndex[i] < 0 {
			continue
		}
		sec := s.img.sections[i]
		s.renumber(i, &sec)
		if sec.data != nil {
			out = pad(out, sec.align)
			sec.offset, sec.size = uint64(len(out)), uint64(len(sec.data))
			out = append(out, sec.data...)
		} else if sec.typ != elf.SHT_NULL {
			sec.offset = uint64(len(out))
		}
		table = appendSectionHeader(table, &sec)
	}
	out = pad(out, 8)
	order := binary.LittleEndian
	order.PutUint64(out[40:], uint64(len(out)))
	order.PutUint16(out[60:], uint16(len(table)/sectionHeaderSize))
	order.PutUint16(out[62:], uint16(s.sectionIndex[s.img.names]))
	return append(out, table...)
}

// renumber puts the new section and symbol numbers into a section that holds
// some.
func (s *stripper) renumber(i int, sec *section) {
	switch {
	case i == s.symtab:
		sec.data, sec.info = s.newSymtab, s.locals
		sec.link = s.newSection(sec.link)
	case sec.typ == elf.SHT_REL:
		sec.link, sec.info = s.newSection(sec.link), s.newSection(sec.info)
		sec.data = s.renumberRelocations(sec.data)
	case sec.typ != elf.SHT_NULL:
		sec.link = s.newSection(sec.link)
	}
}

func (s *stripper) newSection(old uint32) uint32 {
	if int(old) < len(s.sectionIndex) && s.sectionIndex[old] >= 0 {
		return uint32(s.sectionIndex[old])
	}
	return 0
}

func (s *stripper) renumberRelocations(data []byte) []byte {
	renumbered := append([]byte(nil), data...)
	for entry := renumbered; len(entry) >= relSize; entry = entry[relSize:] {
		info := binary.LittleEndian.Uint64(entry[8:])
		symbol := elf.R_SYM64(info)
		if int(symbol) < len(s.symbolIndex) {
			symbol = s.symbolIndex[symbol]
		}
		binary.LittleEndian.PutUint64(entry[8:], elf.R_INFO(symbol, elf.R_TYPE64(info)))
	}
	return renumbered
}

func appendSectionHeader(table []byte, s *section) []byte {
	order := binary.LittleEndian
	table = order.AppendUint32(table, s.nameOff)
	table = order.AppendUint32(table, uint32(s.typ))
	for _, word := range []uint64{uint64(s.flags), s.addr, s.offset, s.size} {
		table = order.AppendUint64(table, word)
	}
	table = order.AppendUint32(table, s.link)
	table = order.AppendUint32(table, s.info)
	table = order.AppendUint64(table, s.align)
	return order.AppendUint64(table, s.entrySize)
}

// pad fills out with zeros to a multiple of align, at most 16: no reader of
// relocatable files needs more, and each section could ask for a page.
func pad(out []byte, align uint64) []byte {
	align = min(align, 16)
	if align < 2 {
		return out
	}
	for uint64(len(out))%align != 0 {
		out = append(out, 0)
	}
	return out
}
