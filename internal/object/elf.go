package object

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Sizes of the structures of a 64-bit ELF file (elf(5)).
const (
	headerSize        = 64
	sectionHeaderSize = 64
	symbolSize        = 24
	relSize           = 16
	compressionSize   = 24
)

// maxSections is below SHN_LORESERVE (0xff00), from where on section numbers
// need an extension that no BPF compiler uses.
const maxSections = 0xff00

// maxDebugData bounds what compressed debug sections may unpack to, in bytes.
const maxDebugData = 64 << 20

// A section is one entry of the section header table, with its contents.
type section struct {
	name      string
	nameOff   uint32
	typ       elf.SectionType
	flags     elf.SectionFlag
	addr      uint64
	offset    uint64
	size      uint64
	link      uint32
	info      uint32
	align     uint64
	entrySize uint64
	data      []byte // aliases the file; nil for SHT_NOBITS and SHT_NULL
}

func (s *section) executable() bool {
	return s.typ == elf.SHT_PROGBITS && s.flags&elf.SHF_EXECINSTR != 0 && s.size > 0
}

// A symbol is one entry of the symbol table.
type symbol struct {
	name    string
	info    byte
	section uint16
	value   uint64
	size    uint64
}

func (s *symbol) typ() elf.SymType { return elf.ST_TYPE(s.info) }

// A relocation is one entry of an SHT_REL section. BPF keeps the addend in
// the place that is relocated.
type relocation struct {
	offset uint64
	typ    uint32
	symbol uint32 // index in the symbol table
}

// An image is a little-endian 64-bit ELF file whose tables were checked to
// lie inside it.
type image struct {
	file     []byte
	typ      elf.Type
	machine  elf.Machine
	programs int // program headers
	names    int // index of the section that holds the sections' names
	sections []section
}

// parseImage reads the section header table. Its errors are for the user.
func parseImage(data []byte) (*image, error) {
	if len(data) > MaxSize {
		return nil, failure(ErrTooLarge, nil,
			"The object has %d bytes; at most %d can be taken. Debug information of a whole vmlinux.h makes objects large: strip it with llvm-strip -g.", len(data), MaxSize)
	}
	if len(data) < 4 || string(data[:4]) != elf.ELFMAG {
		return nil, notELF(data)
	}
	if len(data) < headerSize {
		return nil, corrupted(fmt.Errorf("the file ends after %d bytes, inside the ELF header", len(data)))
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(data[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	img := &image{
		file:     data,
		typ:      elf.Type(order.Uint16(data[16:])),
		machine:  elf.Machine(order.Uint16(data[18:])),
		programs: int(order.Uint16(data[56:])),
		names:    int(order.Uint16(data[62:])),
	}
	// clang before version 4 wrote EM_NONE; cilium/ebpf takes it too.
	if img.machine != elf.EM_BPF && img.machine != elf.EM_NONE {
		return nil, wrongMachine(img.machine, img.typ)
	}
	if order == binary.BigEndian {
		return nil, failure(ErrBigEndian, nil,
			"This BPF object is big-endian; the machines here are little-endian. Compile with -target bpfel (or bpf on a little-endian machine).")
	}
	if class := elf.Class(data[elf.EI_CLASS]); class != elf.ELFCLASS64 {
		return nil, corrupted(fmt.Errorf("ELF class %v instead of ELFCLASS64", class))
	}
	if err := img.parseSections(); err != nil {
		return nil, corrupted(err)
	}
	return img, nil
}

func (img *image) parseSections() error {
	order, data := binary.LittleEndian, img.file
	offset, count := order.Uint64(data[40:]), int(order.Uint16(data[60:]))
	if size := order.Uint16(data[58:]); count > 0 && size != sectionHeaderSize {
		return fmt.Errorf("section headers of %d bytes instead of %d", size, sectionHeaderSize)
	}
	if count == 0 {
		return errors.New("it has no sections")
	}
	if count >= maxSections {
		return fmt.Errorf("%d sections", count)
	}
	table, ok := slice(data, offset, uint64(count)*sectionHeaderSize)
	if !ok {
		return fmt.Errorf("the section header table at byte %d is outside the file of %d bytes; was it cut off?", offset, len(data))
	}
	img.sections = make([]section, count)
	var total uint64
	for i := range img.sections {
		h, s := table[i*sectionHeaderSize:], &img.sections[i]
		*s = section{
			nameOff: order.Uint32(h), typ: elf.SectionType(order.Uint32(h[4:])),
			flags: elf.SectionFlag(order.Uint64(h[8:])), addr: order.Uint64(h[16:]),
			offset: order.Uint64(h[24:]), size: order.Uint64(h[32:]),
			link: order.Uint32(h[40:]), info: order.Uint32(h[44:]),
			align: order.Uint64(h[48:]), entrySize: order.Uint64(h[56:]),
		}
		if s.typ == elf.SHT_NULL || s.typ == elf.SHT_NOBITS {
			continue
		}
		if s.data, ok = slice(data, s.offset, s.size); !ok {
			return fmt.Errorf("section %d (%d bytes at byte %d) is outside the file of %d bytes", i, s.size, s.offset, len(data))
		}
		// Sections that share bytes would let a small file grow into a
		// large one when it is copied.
		if total += s.size; total > uint64(len(data)) {
			return errors.New("its sections overlap")
		}
	}
	return img.nameSections()
}

func (img *image) nameSections() error {
	if img.names >= len(img.sections) {
		return fmt.Errorf("section names are in section %d of %d", img.names, len(img.sections))
	}
	names := img.sections[img.names].data
	for i := range img.sections {
		name, ok := cString(names, uint64(img.sections[i].nameOff))
		if !ok && img.sections[i].nameOff != 0 {
			return fmt.Errorf("the name of section %d is outside the table of names", i)
		}
		img.sections[i].name = name
	}
	return nil
}

// section gives the first section of that name.
func (img *image) section(name string) *section {
	for i := range img.sections {
		if img.sections[i].name == name {
			return &img.sections[i]
		}
	}
	return nil
}

// symbols reads the symbol table, entry 0 included.
func (img *image) symbols() ([]symbol, error) {
	var table *section
	for i := range img.sections {
		if img.sections[i].typ == elf.SHT_SYMTAB {
			table = &img.sections[i]
			break
		}
	}
	if table == nil {
		return nil, nil
	}
	if len(table.data)%symbolSize != 0 || int(table.link) >= len(img.sections) {
		return nil, fmt.Errorf("the symbol table of %d bytes is malformed", len(table.data))
	}
	names := img.sections[table.link].data
	symbols := make([]symbol, 0, len(table.data)/symbolSize)
	for entry := table.data; len(entry) > 0; entry = entry[symbolSize:] {
		order := binary.LittleEndian
		s := symbol{
			info: entry[4], section: order.Uint16(entry[6:]),
			value: order.Uint64(entry[8:]), size: order.Uint64(entry[16:]),
		}
		nameOff := order.Uint32(entry)
		name, ok := cString(names, uint64(nameOff))
		if !ok && nameOff != 0 {
			return nil, fmt.Errorf("the name of symbol %d is outside the table of names", len(symbols))
		}
		s.name = name
		symbols = append(symbols, s)
	}
	return symbols, nil
}

// relocations gives the entries of all SHT_REL sections for the section with
// that index.
func (img *image) relocations(target int) []relocation {
	var found []relocation
	for i := range img.sections {
		s := &img.sections[i]
		if s.typ != elf.SHT_REL || int(s.info) != target {
			continue
		}
		for entry := s.data; len(entry) >= relSize; entry = entry[relSize:] {
			info := binary.LittleEndian.Uint64(entry[8:])
			found = append(found, relocation{
				offset: binary.LittleEndian.Uint64(entry),
				typ:    elf.R_TYPE64(info),
				symbol: elf.R_SYM64(info),
			})
		}
	}
	return found
}

// contents gives a section's bytes, unpacked if they are compressed
// (SHF_COMPRESSED, clang -gz). budget is what may still be unpacked.
func (s *section) contents(budget *uint64) ([]byte, error) {
	if s.flags&elf.SHF_COMPRESSED == 0 {
		return s.data, nil
	}
	if len(s.data) < compressionSize {
		return nil, fmt.Errorf("compressed section %s of %d bytes", s.name, len(s.data))
	}
	algorithm := elf.CompressionType(binary.LittleEndian.Uint32(s.data))
	size := binary.LittleEndian.Uint64(s.data[8:])
	if size > *budget {
		return nil, fmt.Errorf("section %s unpacks to %d bytes", s.name, size)
	}
	*budget -= size
	packed := bytes.NewReader(s.data[compressionSize:])
	var unpacked io.Reader
	switch algorithm {
	case elf.COMPRESS_ZLIB:
		r, err := zlib.NewReader(packed)
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", s.name, err)
		}
		defer r.Close()
		unpacked = r
	case elf.COMPRESS_ZSTD:
		r, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDebugData))
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", s.name, err)
		}
		defer r.Close()
		unpacked = r
	default:
		return nil, fmt.Errorf("section %s is compressed in an unknown way (%v)", s.name, algorithm)
	}
	data, err := io.ReadAll(io.LimitReader(unpacked, int64(size)))
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", s.name, err)
	}
	if uint64(len(data)) != size {
		return nil, fmt.Errorf("section %s unpacks to %d bytes instead of %d", s.name, len(data), size)
	}
	return data, nil
}

// slice gives data[offset:offset+size] if that lies inside data.
func slice(data []byte, offset, size uint64) ([]byte, bool) {
	if offset > uint64(len(data)) || size > uint64(len(data))-offset {
		return nil, false
	}
	return data[offset : offset+size : offset+size], true
}

// cString gives the text at offset up to the next zero byte.
func cString(table []byte, offset uint64) (string, bool) {
	if offset >= uint64(len(table)) {
		return "", false
	}
	end := bytes.IndexByte(table[offset:], 0)
	if end < 0 {
		return "", false
	}
	return string(table[offset : offset+uint64(end)]), true
}
