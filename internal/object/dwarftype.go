package object

import (
	"debug/dwarf"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Bounds on types that hostile DWARF describes.
const (
	maxTypeDepth = 64
	maxMembers   = 1 << 16
)

// Encodings of base types (DWARF 5, table 7.11).
const (
	encodingBoolean      = 2
	encodingFloat        = 4
	encodingSigned       = 5
	encodingSignedChar   = 6
	encodingUnsigned     = 7
	encodingUnsignedChar = 8
	encodingUTF          = 16
)

const tagAtomicType dwarf.Tag = 0x47

var errTypeTooDeep = errors.New("a type is nested too deep or contains itself")

// A typeReader turns DWARF types into BTF types. What a pointer points to is
// named but not described, unless it is simple: a record shows pointers as
// addresses, and behind them lies half of the kernel.
type typeReader struct {
	data    *dwarf.Data
	reader  *dwarf.Reader
	types   map[dwarf.Offset]btf.Type
	members int // read so far
}

func newTypeReader(data *dwarf.Data) *typeReader {
	return &typeReader{data: data, reader: data.Reader(), types: make(map[dwarf.Offset]btf.Type)}
}

// entry reads the one at offset; the reader then stands before its children.
func (r *typeReader) entry(offset dwarf.Offset) (*dwarf.Entry, error) {
	r.reader.Seek(offset)
	entry, err := r.reader.Next()
	if err == nil && entry == nil {
		err = fmt.Errorf("no DWARF entry at %#x", uint32(offset))
	}
	return entry, err
}

// read gives the type at offset.
func (r *typeReader) read(offset dwarf.Offset) (btf.Type, error) { return r.readAt(offset, 0) }

func (r *typeReader) readAt(offset dwarf.Offset, depth int) (btf.Type, error) {
	if t, ok := r.types[offset]; ok {
		return t, nil
	}
	if depth > maxTypeDepth {
		return nil, errTypeTooDeep
	}
	entry, err := r.entry(offset)
	if err != nil {
		return nil, err
	}
	t, err := r.convert(entry, depth)
	if err != nil {
		return nil, err
	}
	r.types[offset] = t
	return t, nil
}

func (r *typeReader) convert(entry *dwarf.Entry, depth int) (btf.Type, error) {
	name, _ := entry.Val(dwarf.AttrName).(string)
	size, _ := entry.Val(dwarf.AttrByteSize).(int64)
	switch entry.Tag {
	case dwarf.TagBaseType:
		return baseType(entry, name, size), nil
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType:
		return r.composite(entry, name, size, depth)
	case dwarf.TagEnumerationType:
		return r.enum(entry, name, size)
	case dwarf.TagArrayType:
		return r.array(entry, depth)
	case dwarf.TagPointerType:
		return r.pointer(entry, depth)
	case dwarf.TagSubroutineType:
		return &btf.FuncProto{Return: &btf.Void{}}, nil
	}
	target, err := r.target(entry, depth)
	if err != nil {
		return nil, err
	}
	switch entry.Tag {
	case dwarf.TagTypedef:
		return &btf.Typedef{Name: name, Type: target}, nil
	case dwarf.TagConstType:
		return &btf.Const{Type: target}, nil
	case dwarf.TagVolatileType:
		return &btf.Volatile{Type: target}, nil
	case dwarf.TagRestrictType:
		return &btf.Restrict{Type: target}, nil
	case tagAtomicType:
		return target, nil
	}
	return nil, fmt.Errorf("a DWARF %v is no type that a record can have", entry.Tag)
}

// target reads what an entry's type attribute names; none means void.
func (r *typeReader) target(entry *dwarf.Entry, depth int) (btf.Type, error) {
	offset, ok := entry.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return &btf.Void{}, nil
	}
	return r.readAt(offset, depth+1)
}

func baseType(entry *dwarf.Entry, name string, size int64) btf.Type {
	encoding, _ := entry.Val(dwarf.AttrEncoding).(int64)
	t := &btf.Int{Name: name, Size: uint32(size)}
	switch encoding {
	case encodingFloat:
		return &btf.Float{Name: name, Size: uint32(size)}
	case encodingBoolean:
		t.Encoding = btf.Bool
	case encodingSigned, encodingSignedChar:
		// BTF calls char signed, as LLVM does, and leaves the rest to the
		// name: a char is recognised by its size and name.
		t.Encoding = btf.Signed
	case encodingUnsigned, encodingUnsignedChar, encodingUTF:
	}
	return t
}

// pointer describes its target only as far as that is cheap.
func (r *typeReader) pointer(entry *dwarf.Entry, depth int) (btf.Type, error) {
	offset, ok := entry.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return &btf.Pointer{Target: &btf.Void{}}, nil
	}
	target, err := r.behindPointer(offset, depth+1)
	if err != nil {
		return nil, err
	}
	return &btf.Pointer{Target: target}, nil
}

func (r *typeReader) behindPointer(offset dwarf.Offset, depth int) (btf.Type, error) {
	if depth > maxTypeDepth {
		return nil, errTypeTooDeep
	}
	entry, err := r.entry(offset)
	if err != nil {
		return nil, err
	}
	name, _ := entry.Val(dwarf.AttrName).(string)
	next, hasNext := entry.Val(dwarf.AttrType).(dwarf.Offset)
	switch entry.Tag {
	case dwarf.TagStructType, dwarf.TagClassType:
		return &btf.Fwd{Name: name, Kind: btf.FwdStruct}, nil
	case dwarf.TagUnionType:
		return &btf.Fwd{Name: name, Kind: btf.FwdUnion}, nil
	case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType:
		var target btf.Type = &btf.Void{}
		if hasNext {
			if target, err = r.behindPointer(next, depth+1); err != nil {
				return nil, err
			}
		}
		switch entry.Tag {
		case dwarf.TagTypedef:
			return &btf.Typedef{Name: name, Type: target}, nil
		case dwarf.TagConstType:
			return &btf.Const{Type: target}, nil
		case dwarf.TagVolatileType:
			return &btf.Volatile{Type: target}, nil
		}
		return target, nil
	case dwarf.TagArrayType:
		return &btf.Void{}, nil
	case dwarf.TagPointerType:
		return r.pointer(entry, depth+1)
	}
	return r.convert(entry, depth+1)
}

func (r *typeReader) array(entry *dwarf.Entry, depth int) (btf.Type, error) {
	var dimensions []uint32
	err := r.children(entry, func(child *dwarf.Entry) error {
		if child.Tag != dwarf.TagSubrangeType {
			return nil
		}
		count := int64(0) // a flexible array
		if n, ok := child.Val(dwarf.AttrCount).(int64); ok {
			count = n
		} else if upper, ok := child.Val(dwarf.AttrUpperBound).(int64); ok {
			count = upper + 1
		}
		if count < 0 || count > 1<<31 || len(dimensions) > maxTypeDepth {
			return fmt.Errorf("an array of %d elements", count)
		}
		dimensions = append(dimensions, uint32(count))
		return nil
	})
	if err != nil {
		return nil, err
	}
	t, err := r.target(entry, depth)
	if err != nil {
		return nil, err
	}
	for i := len(dimensions) - 1; i >= 0; i-- {
		t = &btf.Array{Index: &btf.Int{Name: "__ARRAY_SIZE_TYPE__", Size: 4}, Type: t, Nelems: dimensions[i]}
	}
	return t, nil
}

func (r *typeReader) enum(entry *dwarf.Entry, name string, size int64) (btf.Type, error) {
	t := &btf.Enum{Name: name, Size: uint32(size)}
	err := r.children(entry, func(child *dwarf.Entry) error {
		if child.Tag != dwarf.TagEnumerator {
			return nil
		}
		label, _ := child.Val(dwarf.AttrName).(string)
		value, _ := child.Val(dwarf.AttrConstValue).(int64)
		t.Signed = t.Signed || value < 0
		t.Values = append(t.Values, btf.EnumValue{Name: label, Value: uint64(value)})
		return nil
	})
	return t, err
}

// children calls each for the direct children of the entry that was read last.
func (r *typeReader) children(entry *dwarf.Entry, each func(*dwarf.Entry) error) error {
	if !entry.Children {
		return nil
	}
	for {
		child, err := r.reader.Next()
		if err != nil {
			return err
		}
		if child == nil || child.Tag == 0 {
			return nil
		}
		if r.members++; r.members > maxMembers {
			return errors.New("types have too many members")
		}
		if err := each(child); err != nil {
			return err
		}
		if child.Children {
			r.reader.SkipChildren()
		}
	}
}

func (r *typeReader) composite(entry *dwarf.Entry, name string, size int64, depth int) (btf.Type, error) {
	if declaration, _ := entry.Val(dwarf.AttrDeclaration).(bool); declaration {
		kind := btf.FwdStruct
		if entry.Tag == dwarf.TagUnionType {
			kind = btf.FwdUnion
		}
		return &btf.Fwd{Name: name, Kind: kind}, nil
	}
	if size < 0 || size > 1<<31 {
		return nil, fmt.Errorf("struct %s of %d bytes", name, size)
	}
	// The members' types move the reader: take the members first.
	var entries []*dwarf.Entry
	err := r.children(entry, func(child *dwarf.Entry) error {
		if child.Tag == dwarf.TagMember {
			entries = append(entries, child)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	members := make([]btf.Member, 0, len(entries))
	for _, e := range entries {
		m, err := r.member(e, depth)
		if err != nil {
			return nil, fmt.Errorf("struct %s: %w", name, err)
		}
		members = append(members, m)
	}
	if entry.Tag == dwarf.TagUnionType {
		return &btf.Union{Name: name, Size: uint32(size), Members: members}, nil
	}
	return &btf.Struct{Name: name, Size: uint32(size), Members: members}, nil
}

func (r *typeReader) member(entry *dwarf.Entry, depth int) (btf.Member, error) {
	name, _ := entry.Val(dwarf.AttrName).(string)
	t, err := r.target(entry, depth)
	if err != nil {
		return btf.Member{}, fmt.Errorf("member %s: %w", name, err)
	}
	m := btf.Member{Name: name, Type: t}
	offset, _ := entry.Val(dwarf.AttrDataMemberLoc).(int64)
	m.Offset = btf.Bits(offset * 8)
	bits, isBitfield := entry.Val(dwarf.AttrBitSize).(int64)
	if !isBitfield {
		return m, nil
	}
	m.BitfieldSize = btf.Bits(bits)
	if start, ok := entry.Val(dwarf.AttrDataBitOffset).(int64); ok {
		m.Offset = btf.Bits(start)
	} else if fromTop, ok := entry.Val(dwarf.AttrBitOffset).(int64); ok {
		// DWARF 2 counts from the most significant bit of the storage.
		storage, ok := entry.Val(dwarf.AttrByteSize).(int64)
		if !ok {
			n, _ := sizeof(t)
			storage = int64(n)
		}
		m.Offset = btf.Bits(offset*8 + storage*8 - fromTop - bits)
	}
	return m, nil
}
