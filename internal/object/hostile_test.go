package object

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"testing"
)

// withBTF gives an object other BTF: types and strings as the kernel's
// include/uapi/linux/btf.h lays them out.
func withBTF(t *testing.T, object, types []byte, strings string) []byte {
	t.Helper()
	img, err := parseImage(object)
	if err != nil {
		t.Fatal(err)
	}
	order := binary.LittleEndian
	blob := order.AppendUint16(nil, 0xeb9f)
	blob = append(blob, 1, 0)
	for _, word := range []int{btfHeaderSize, 0, len(types), len(types), len(strings)} {
		blob = order.AppendUint32(blob, uint32(word))
	}
	blob = append(append(blob, types...), strings...)
	data := append([]byte(nil), object...)
	table := data[order.Uint64(data[40:]):]
	for i := range img.sections {
		header := table[i*sectionHeaderSize:]
		switch img.sections[i].name {
		case ".BTF":
			order.PutUint64(header[24:], uint64(len(data)))
			order.PutUint64(header[32:], uint64(len(blob)))
		case ".BTF.ext", ".rel.BTF", ".rel.BTF.ext":
			order.PutUint32(header, 0) // without its name it is not looked at
			order.PutUint32(header[4:], uint32(elf.SHT_PROGBITS))
		}
	}
	return append(data, blob...)
}

// Long chains of types end up as deep recursion in whoever follows them.
func TestHostileBTF(t *testing.T) {
	object := compile(t, "nothing.c", "-DPLAIN")
	const typedef, pointer, array, structure = 8 << 24, 2 << 24, 3 << 24, 4 << 24
	order := binary.LittleEndian
	chain := func(n int, info uint32) []byte {
		var types []byte
		for i := range n {
			types = order.AppendUint32(types, 1) // name
			types = order.AppendUint32(types, info)
			types = order.AppendUint32(types, uint32((i+1)%n+1))
		}
		return types
	}
	// Structs of two members, each the next struct.
	wide := func(n int) []byte {
		var types []byte
		for i := range n {
			types = order.AppendUint32(types, 1)
			types = order.AppendUint32(types, structure|2)
			types = order.AppendUint32(types, 24)
			for range 2 {
				types = order.AppendUint32(types, 1)
				types = order.AppendUint32(types, uint32((i+1)%n+1))
				types = order.AppendUint32(types, 0)
			}
		}
		return types
	}
	for _, test := range []struct {
		name  string
		types []byte
		kind  error // of Read, if it refuses
	}{
		{"typedefs", chain(maxTypes-1, typedef), nil},
		{"pointers", chain(maxTypes-1, pointer), nil},
		{"a typedef of itself", chain(1, typedef), nil},
		{"too many", chain(maxTypes+1, typedef), ErrTooLarge},
		{"a struct in itself", wide(1), nil},
		{"structs in structs", wide(60), nil},
		{"structs, deep", wide(maxTypes / 3), nil},
		{"cut off", order.AppendUint32(nil, array), ErrCorrupted},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := withBTF(t, object, test.types, "\x00t\x00")
			_, err := Read(data)
			if test.kind != nil && !errors.Is(err, test.kind) {
				t.Fatalf("got %v, want %v", err, test.kind)
			}
			stripped, _ := Strip(data) // so that types come from BTF
			examine(stripped)
		})
	}
}
