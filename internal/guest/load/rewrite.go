//go:build linux

package load

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
)

const (
	structOpsSection     = ".struct_ops"
	structOpsLinkSection = ".struct_ops.link"
)

// Offsets in Elf64_Ehdr and Elf64_Shdr, from the ELF specification.
const (
	ehdrShoff     = 0x28
	ehdrShentsize = 0x3a
	ehdrShstrndx  = 0x3e
	shdrName      = 0x00
	shdrOffset    = 0x18
	shdrSize      = 0x20
)

// renameStructOps gives .struct_ops sections the name that the library reads.
// It refuses the old name, although all that differs is the flag BPF_F_LINK of
// the map, which Maps leaves off. legacy names the variables concerned.
func renameStructOps(file *elf.File, object []byte) (renamed []byte, legacy map[string]bool, err error) {
	index := -1
	for i, section := range file.Sections {
		if section.Name == structOpsSection && section.Type == elf.SHT_PROGBITS {
			index = i
		}
	}
	if index < 0 || file.Class != elf.ELFCLASS64 {
		return object, nil, nil
	}
	legacy = make(map[string]bool)
	symbols, err := file.Symbols()
	if err != nil {
		return nil, nil, err
	}
	for _, symbol := range symbols {
		if int(symbol.Section) == index && elf.ST_TYPE(symbol.Info) == elf.STT_OBJECT {
			legacy[symbol.Name] = true
		}
	}

	// The library looks the section up in BTF by name as well; BTF's strings
	// cannot grow in place, but a second copy of the names after the end of
	// its own table can be reached only by rewriting it. It is the last
	// section of .BTF, so growing means rewriting header and section size.
	out := bytes.Clone(object)
	order := file.ByteOrder
	shoff := order.Uint64(out[ehdrShoff:])
	entry := uint64(order.Uint16(out[ehdrShentsize:]))
	header := func(i int) ([]byte, error) {
		start := shoff + uint64(i)*entry
		if start < shoff || start+0x40 > uint64(len(out)) {
			return nil, errors.New("section header beyond the end")
		}
		return out[start : start+0x40], nil
	}
	move := func(i int, data []byte) error {
		h, err := header(i)
		if err != nil {
			return err
		}
		order.PutUint64(h[shdrOffset:], uint64(len(out)))
		order.PutUint64(h[shdrSize:], uint64(len(data)))
		out = append(out, data...)
		return nil
	}

	namesIndex := int(order.Uint16(out[ehdrShstrndx:]))
	if namesIndex >= len(file.Sections) {
		return nil, nil, errors.New("no table of section names")
	}
	names, err := file.Sections[namesIndex].Data()
	if err != nil {
		return nil, nil, err
	}
	position := len(names)
	if err := move(namesIndex, append(names, structOpsLinkSection+"\x00"...)); err != nil {
		return nil, nil, err
	}
	h, err := header(index)
	if err != nil {
		return nil, nil, err
	}
	order.PutUint32(h[shdrName:], uint32(position))

	for i, section := range file.Sections {
		if section.Name != ".BTF" {
			continue
		}
		types, err := section.Data()
		if err != nil {
			return nil, nil, err
		}
		types, err = renameDatasec(types, order)
		if err != nil {
			return nil, nil, err
		}
		if err := move(i, types); err != nil {
			return nil, nil, err
		}
	}
	return out, legacy, nil
}

// BTF's header and type record, from Documentation/bpf/btf.rst.
const (
	btfHeaderLen  = 4
	btfTypeOffset = 8
	btfTypeLen    = 12
	btfStrOffset  = 16
	btfStrLen     = 20
	btfMinHeader  = 24
	btfTypeSize   = 12
)

// btfTrailer is how many bytes follow a type record: a fixed number and one
// for each of its vlen members.
var btfTrailer = [20]struct{ fixed, each int }{
	1: {4, 0}, 3: {12, 0}, 4: {0, 12}, 5: {0, 12}, 6: {0, 8}, 13: {0, 8},
	14: {4, 0}, 15: {0, 12}, 17: {4, 0}, 19: {0, 12},
}

const btfKindDatasec = 15

// renameDatasec appends the new section name to BTF's strings and points the
// data section's type at it.
func renameDatasec(types []byte, order binary.ByteOrder) ([]byte, error) {
	bad := errors.New("BTF is cut off")
	if len(types) < btfMinHeader {
		return nil, bad
	}
	base := uint64(order.Uint32(types[btfHeaderLen:]))
	typeStart := base + uint64(order.Uint32(types[btfTypeOffset:]))
	typeEnd := typeStart + uint64(order.Uint32(types[btfTypeLen:]))
	stringStart := base + uint64(order.Uint32(types[btfStrOffset:]))
	stringLen := uint64(order.Uint32(types[btfStrLen:]))
	if typeEnd > uint64(len(types)) || stringStart+stringLen != uint64(len(types)) {
		return nil, bad
	}
	name := func(offset uint32) string {
		if uint64(offset) >= stringLen {
			return ""
		}
		text := types[stringStart+uint64(offset):]
		if i := bytes.IndexByte(text, 0); i >= 0 {
			return string(text[:i])
		}
		return ""
	}
	for at := typeStart; at+btfTypeSize <= typeEnd; {
		info := order.Uint32(types[at+4:])
		kind, members := info>>24&0x1f, int(info&0xffff)
		if int(kind) >= len(btfTrailer) {
			return nil, errors.New("unknown BTF kind")
		}
		if kind == btfKindDatasec && name(order.Uint32(types[at:])) == structOpsSection {
			order.PutUint32(types[at:], uint32(stringLen))
		}
		trailer := btfTrailer[kind]
		at += uint64(btfTypeSize + trailer.fixed + members*trailer.each)
	}
	types = append(types, structOpsLinkSection+"\x00"...)
	order.PutUint32(types[btfStrLen:], uint32(stringLen)+uint32(len(structOpsLinkSection))+1)
	return types, nil
}

// cookieSwitch is a variable that libbpf's usdt.bpf.h reads to know whether
// bpf_get_attach_cookie exists. The library does not know it and would look
// for it in the kernel's configuration. Every kernel with the one has the
// other option since 5.15, so it stands in for it.
const (
	cookieSwitch  = "LINUX_HAS_BPF_COOKIE\x00"
	cookieStandIn = "CONFIG_BPF_EVENTS\x00\x00\x00\x00"
)

func renameCookieSwitch(object []byte) []byte {
	if !bytes.Contains(object, []byte(cookieSwitch)) {
		return object
	}
	return bytes.ReplaceAll(object, []byte(cookieSwitch), []byte(cookieStandIn))
}
