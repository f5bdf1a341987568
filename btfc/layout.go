package btfc

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"
)

// maxNesting bounds how deep types contain or refer to each other. Linux stays
// below 20, libbpf gives up at 32 references in a row (btf.c, MAX_RESOLVE_DEPTH).
const maxNesting = 128

// extent is what a C compiler for LP64 thinks of a type, in bits.
type extent struct {
	size, align int64
}

// span is a range of bits in a struct.
type span struct {
	from, to int64
}

func (s span) len() int64 { return s.to - s.from }

// layout is how a struct or union has to be written so that a compiler puts its
// members where BTF has them.
type layout struct {
	align  int64 // that the written type has, in bits
	packed bool
	raise  int64  // alignment to ask for in bits, 0 for none
	gaps   []span // before each member: padding that must be spelled out
	tail   span   // padding after the last one
}

// layouts computes and remembers layouts.
type layouts struct {
	done  map[btf.Type]*layout // nil while it is being computed
	depth int
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// measure returns the extent of a type as Write declares it.
func (l *layouts) measure(t btf.Type) (extent, error) {
	if l.depth++; l.depth > maxNesting {
		return extent{}, fmt.Errorf("types nested more than %d deep: %w", maxNesting, ErrNotC)
	}
	defer func() { l.depth-- }()

	switch v := t.(type) {
	case *btf.Int:
		return scalar(v.Size, 16)
	case *btf.Float:
		return scalar(v.Size, 16)
	case *btf.Enum:
		return scalar(v.Size, 8)
	case *btf.Pointer:
		return extent{64, 64}, nil
	case *btf.Struct:
		lay, err := l.of(t)
		if err != nil {
			return extent{}, err
		}
		return extent{int64(v.Size) * 8, lay.align}, nil
	case *btf.Union:
		lay, err := l.of(t)
		if err != nil {
			return extent{}, err
		}
		return extent{int64(v.Size) * 8, lay.align}, nil
	case *btf.Array:
		e, err := l.measure(v.Type)
		if err == nil && e.size > 0 && int64(v.Nelems) > math.MaxUint32*8/e.size {
			return extent{}, fmt.Errorf("array of %d elements of %d bytes: %w", v.Nelems, e.size/8, ErrNotC)
		}
		return extent{e.size * int64(v.Nelems), e.align}, err
	case *btf.Typedef:
		if v.Name == vaList {
			return extent{64, 64}, nil
		}
		return l.measure(v.Type)
	case *btf.Const:
		return l.measure(v.Type)
	case *btf.Volatile:
		return l.measure(v.Type)
	case *btf.Restrict:
		return l.measure(v.Type)
	case *btf.TypeTag:
		return l.measure(v.Type)
	}
	return extent{}, fmt.Errorf("%s has no size: %w", describe(t), ErrNotC)
}

func scalar(size, largest uint32) (extent, error) {
	if size == 0 || size > largest || size&(size-1) != 0 {
		return extent{}, fmt.Errorf("scalar of %d bytes: %w", size, ErrNotC)
	}
	return extent{int64(size) * 8, int64(size) * 8}, nil
}

// of returns the layout of a struct or union.
func (l *layouts) of(t btf.Type) (*layout, error) {
	if lay, ok := l.done[t]; ok {
		if lay == nil {
			return nil, fmt.Errorf("%s contains itself: %w", describe(t), ErrNotC)
		}
		return lay, nil
	}
	l.done[t] = nil
	lay, err := l.compute(t)
	if err != nil {
		delete(l.done, t)
		return nil, fmt.Errorf("%s: %w", describe(t), err)
	}
	l.done[t] = lay
	return lay, nil
}

// field is a member with its type's extent.
type field struct {
	btf.Member
	extent
}

func (l *layouts) compute(t btf.Type) (*layout, error) {
	members, size := composite(t)
	fields := make([]field, len(members))
	for i, m := range members {
		e, err := l.measure(m.Type)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", quote(m.Name), err)
		}
		fields[i] = field{m, e}
		if m.Name == "" && embedded(m) == nil {
			return nil, fmt.Errorf("member %d is a %s without a name: %w", i, describe(m.Type), ErrNotC)
		}
		if int64(m.BitfieldSize) > e.size || m.BitfieldSize == 0 && m.Offset%8 != 0 ||
			m.BitfieldSize > 0 && !isBitfieldType(m.Type) {
			return nil, fmt.Errorf("member %s: %d bits at bit %d of a type of %d: %w",
				quote(m.Name), m.BitfieldSize, m.Offset, e.size, ErrNotC)
		}
	}
	place := placeStruct
	if is[*btf.Union](t) {
		place = placeUnion
	}
	for _, packed := range []bool{false, true} {
		if lay := place(fields, size, packed); lay != nil {
			return lay, nil
		}
	}
	return nil, fmt.Errorf("members overlap or lie outside its %d bytes: %w", size/8, ErrNotC)
}

// isBitfieldType reports whether C allows bit-fields of this type.
func isBitfieldType(t btf.Type) bool {
	switch btf.UnderlyingType(t).(type) {
	case *btf.Int, *btf.Enum:
		return true
	}
	return false
}

// embedded returns the struct or union whose members a member without a name adds to
// the struct around it, or nil.
func embedded(m btf.Member) btf.Type {
	if m.Name != "" {
		return nil
	}
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Struct, *btf.Union:
		return t
	}
	return nil
}

// composite returns the members and the size in bits of a struct or union.
func composite(t btf.Type) ([]btf.Member, int64) {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Members, int64(t.Size) * 8
	case *btf.Union:
		return t.Members, int64(t.Size) * 8
	}
	return nil, 0
}

// naturalAlign is the alignment in bits that members give to their struct. Members
// of a packed one have no say, but a struct that is packed for the sake of one
// member should not be read byte by byte for the others: it gets the largest
// alignment that its size and the members with an aligned offset agree on.
func naturalAlign(fields []field, size int64, packed bool) int64 {
	align := int64(8)
	for _, f := range fields {
		if !packed || int64(f.Offset)%f.align == 0 {
			align = max(align, f.align)
		}
	}
	for packed && size%align != 0 {
		align /= 2
	}
	return align
}

// placeStruct goes through the members as the compiler does and notes the padding
// that makes up for the difference to BTF. It returns nil where that is impossible.
func placeStruct(fields []field, size int64, packed bool) *layout {
	lay := &layout{packed: packed, align: naturalAlign(fields, size, packed), gaps: make([]span, len(fields))}
	end := int64(0)
	for i, f := range fields {
		offset := int64(f.Offset)
		if next(f, end, packed) != offset {
			lay.gaps[i] = span{end, offset}
			if end > offset || next(f, offset, packed) != offset {
				return nil
			}
		}
		end = offset + f.size
		if f.BitfieldSize > 0 {
			end = offset + int64(f.BitfieldSize)
		}
	}
	return lay.close(end, size)
}

// next returns where the compiler puts a member if the one before ends at bit end.
func next(f field, end int64, packed bool) int64 {
	align := f.align
	if f.BitfieldSize == 0 {
		if packed {
			align = 8
		}
		return roundUp(end, align)
	}
	// A bit-field may not cross the border of a unit of its type (System V ABI,
	// "Bit-Fields"), unless the struct is packed.
	if !packed && end%align+int64(f.BitfieldSize) > f.size {
		return roundUp(end, align)
	}
	return end
}

// close settles what follows the last member, which ends at bit end.
func (lay *layout) close(end, size int64) *layout {
	if size%lay.align != 0 || end > size {
		return nil
	}
	if roundUp(end, lay.align) != size {
		lay.tail = span{end, size}
	}
	if lay.packed && lay.align > 8 {
		lay.raise = lay.align
	}
	return lay
}

func placeUnion(fields []field, size int64, packed bool) *layout {
	lay := &layout{packed: packed, align: naturalAlign(fields, size, packed), gaps: make([]span, len(fields))}
	end := int64(0)
	for _, f := range fields {
		if f.Offset != 0 {
			return nil
		}
		if f.BitfieldSize > 0 {
			end = max(end, int64(f.BitfieldSize))
		} else {
			end = max(end, f.size)
		}
	}
	if lay = lay.close(end, size); lay != nil && lay.tail.len() > 0 {
		// The padding is one more member here, as long as the union.
		lay.tail = span{0, size}
	}
	return lay
}
