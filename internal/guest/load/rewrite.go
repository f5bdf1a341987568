//go:build linux

package load

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"

	"github.com/skep-dev/skep/internal/guest/rawbtf"
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

	// Section names stand in two places: in the table of section names, and in
	// BTF, where the library looks the section up. Both tables grow by the
	// new name, so both move to the end of the file.
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
	names, err := content(object, file.Sections[namesIndex])
	if err != nil {
		return nil, nil, err
	}
	position := len(names)
	if err := move(namesIndex, append(bytes.Clone(names), structOpsLinkSection+"\x00"...)); err != nil {
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
		types, err := content(object, section)
		if err != nil {
			return nil, nil, err
		}
		blob, err := rawbtf.Parse(types, order)
		if err != nil {
			return nil, nil, err
		}
		types, err = blob.Rename(rawbtf.KindDatasec, structOpsSection, structOpsLinkSection)
		if err != nil {
			return nil, nil, err
		}
		if err := move(i, types); err != nil {
			return nil, nil, err
		}
	}
	return out, legacy, nil
}

// content gives a section's bytes as they are in object, which may have been
// changed since file was opened.
func content(object []byte, section *elf.Section) ([]byte, error) {
	if section.Type == elf.SHT_NOBITS || section.Offset+section.FileSize < section.Offset ||
		section.Offset+section.FileSize > uint64(len(object)) {
		return nil, fmt.Errorf("section %s lies beyond the end", section.Name)
	}
	return object[section.Offset : section.Offset+section.FileSize], nil
}

// cookieSwitch is a variable that libbpf's usdt.bpf.h reads to know whether
// bpf_get_attach_cookie exists. The library does not know it and would look
// for it in the kernel's configuration. Every kernel with the one has the
// other option since 5.15, so it stands in for it.
const (
	cookieSwitch  = "LINUX_HAS_BPF_COOKIE\x00"
	cookieStandIn = "CONFIG_BPF_EVENTS\x00\x00\x00\x00"
)

// renameCookieSwitch says also whether it found the variable.
func renameCookieSwitch(object []byte) (renamed []byte, found bool) {
	if !bytes.Contains(object, []byte(cookieSwitch)) {
		return object, false
	}
	return bytes.ReplaceAll(object, []byte(cookieSwitch), []byte(cookieStandIn)), true
}

// Offsets in Elf64_Sym.
const (
	symSize  = 24
	symInfo  = 4
	symShndx = 6
)

// strengthenMaps makes weak symbols of maps global ones: the library refuses
// them, and with one object there is nothing that could override them.
// usdt.bpf.h defines its maps so.
func strengthenMaps(file *elf.File, object []byte) []byte {
	table := file.SectionByType(elf.SHT_SYMTAB)
	maps := -1
	for i, section := range file.Sections {
		if section.Name == ".maps" {
			maps = i
		}
	}
	if table == nil || maps < 0 || file.Class != elf.ELFCLASS64 {
		return object
	}
	if _, err := content(object, table); err != nil {
		return object
	}
	var out []byte
	for at := table.Offset; at+symSize <= table.Offset+table.Size; at += symSize {
		info := object[at+symInfo]
		if elf.ST_BIND(info) != elf.STB_WEAK || int(file.ByteOrder.Uint16(object[at+symShndx:])) != maps {
			continue
		}
		if out == nil {
			out = bytes.Clone(object)
		}
		out[at+symInfo] = elf.ST_INFO(elf.STB_GLOBAL, elf.ST_TYPE(info))
	}
	if out == nil {
		return object
	}
	return out
}

// btfInfoOffset is where struct btf_type has its kind and linkage.
const btfInfoOffset = 4

// hideFunctions gives functions of hidden visibility the linkage "static" in
// BTF, as libbpf does when it opens an object (bpf_object__sanitize_btf): the
// verifier then checks them with what their callers pass, instead of on their
// own, for any argument.
func hideFunctions(file *elf.File, object []byte) []byte {
	types := file.Section(".BTF")
	symbols, err := file.Symbols()
	if types == nil || err != nil {
		return object
	}
	if _, err := content(object, types); err != nil {
		return object
	}
	hidden := make(map[string]bool)
	for _, symbol := range symbols {
		visibility := elf.ST_VISIBILITY(symbol.Other)
		if elf.ST_TYPE(symbol.Info) == elf.STT_FUNC && (visibility == elf.STV_HIDDEN || visibility == elf.STV_INTERNAL) {
			hidden[symbol.Name] = true
		}
	}
	if len(hidden) == 0 {
		return object
	}
	out := bytes.Clone(object)
	blob, err := rawbtf.Parse(out[types.Offset:types.Offset+types.FileSize], file.ByteOrder)
	if err != nil {
		return object
	}
	_ = blob.Walk(func(kind int, name []byte, at uint64) {
		if kind == rawbtf.KindFunc && hidden[string(name)] {
			info := out[types.Offset+at+btfInfoOffset:]
			// The low 16 bits are the linkage; 0 is static.
			file.ByteOrder.PutUint32(info, file.ByteOrder.Uint32(info)&^0xffff)
		}
	})
	return out
}
