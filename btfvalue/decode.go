package btfvalue

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Limits bound what one decode may cost. Zero means the default.
type Limits struct {
	// Values is how many Value nodes a tree may have; arrays of char and
	// unsigned char count as one. Default 65536, about 10 MB.
	Values int
	// Depth is how deep structs, unions and arrays may nest. Default 32.
	Depth int
}

const (
	defaultValues = 1 << 16
	defaultDepth  = 32
)

// Decode reads data as a value of type t with the default Limits.
//
// Data may be shorter than the type: what is not there is marked [Missing], and
// what it cuts in two [Partial]. Data may be longer: [Value.Trailing] counts
// the bytes behind the value. The error is not nil only if the type has no
// layout ([ErrNoLayout]) or an impossible one.
func Decode(t btf.Type, order binary.ByteOrder, data []byte) (Value, error) {
	return Limits{}.Decode(t, order, data)
}

// Decode is like the function [Decode], within limits.
func (l Limits) Decode(t btf.Type, order binary.ByteOrder, data []byte) (Value, error) {
	if t == nil || order == nil {
		return Value{}, errors.New("decode value: type and byte order are needed, one is nil")
	}
	size, err := sizeOf(t)
	if err != nil {
		return Value{}, fmt.Errorf("decode value: %w", err)
	}
	if l.Values <= 0 {
		l.Values = defaultValues
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	d := decoder{data: data, text: string(data), big: isBig(order), left: l.Values - 1, end: size}
	v := Value{Type: t}
	if named, ok := t.(*btf.Var); ok {
		v.Name = clip(named.Name)
	}
	d.value(&v, place{depth: l.Depth, tail: true})
	if n := uint64(len(data)); n > d.end {
		v.Trailing = int(n - d.end)
	}
	return v, nil
}

type decoder struct {
	data  []byte
	text  string // data, for values to share
	big   bool
	left  int    // values that may still be made
	end   uint64 // bytes that belong to the outermost value
	enums map[*btf.Enum]*enumNames
}

// place is what a value inherits from its surroundings.
type place struct {
	width uint // in bits, of bitfields, else 0
	depth int  // levels that may still follow
	tail  bool // nothing comes after it, so that it may be a flexible array
}

// value fills in v, whose Name, Type and Offset are set.
func (d *decoder) value(v *Value, p place) {
	u := peel(v.Type)
	if p.width > 0 {
		v.Bitfield, v.Size = true, uint64(p.width)
	} else if size, err := sizeOf(u); err == nil {
		v.Size = 8 * size
	}
	switch u := u.(type) {
	case *btf.Int:
		v.Kind, v.signed = intKind(u), u.Encoding&btf.Signed != 0
		d.scalar(v, p, u.Size, 16)
	case *btf.Enum:
		v.Kind, v.signed = KindEnum, u.Signed
		d.scalar(v, p, u.Size, 8)
		if v.Kind == KindEnum && v.State == Whole {
			v.text = d.enumName(u, v.lo)
		}
	case *btf.Pointer:
		v.Kind = KindPointer
		d.scalar(v, p, pointerSize, 8)
	case *btf.Float:
		d.float(v, p, u.Size)
	case *btf.Array:
		d.array(v, u, p)
	case *btf.Struct:
		v.Kind = KindStruct
		d.members(v, u.Members, p)
	case *btf.Union:
		v.Kind = KindUnion
		d.members(v, u.Members, p)
	case *btf.Datasec:
		v.Kind = KindDatasec
		d.variables(v, u.Vars, p)
	default:
		d.opaque(v)
	}
}

func intKind(i *btf.Int) Kind {
	switch {
	case i.Encoding&btf.Bool != 0:
		return KindBool
	case isChar(i):
		return KindChar
	case i.Encoding&btf.Signed != 0:
		return KindInt
	default:
		return KindUint
	}
}

// scalar reads an integer whose type has size bytes, at most limit of them.
func (d *decoder) scalar(v *Value, p place, size, limit uint32) {
	if size == 0 || size > limit || p.width > uint(8*size) {
		d.opaque(v)
		return
	}
	var ok bool
	if v.hi, v.lo, ok = readBits(d.data, d.big, v.Offset, uint(v.Size)); !ok {
		v.State = Missing
	} else if v.signed {
		v.hi, v.lo = extend(v.hi, v.lo, uint(v.Size))
	}
}

func (d *decoder) float(v *Value, p place, size uint32) {
	if p.width > 0 || size != 2 && size != 4 && size != 8 {
		d.opaque(v)
		return
	}
	v.Kind = KindFloat
	_, raw, ok := readBits(d.data, d.big, v.Offset, uint(8*size))
	if !ok {
		v.State = Missing
		return
	}
	v.lo = floatBits(raw, size)
}

// opaque keeps the bytes of what cannot be read: long double, integers of more
// than 16 bytes, and whatever only broken BTF contains.
func (d *decoder) opaque(v *Value) {
	v.Kind, v.signed = KindOpaque, false
	if v.Offset%8 == 0 && v.Size%8 == 0 {
		d.bytes(v)
	} else if v.Offset+v.Size > 8*uint64(len(d.data)) {
		v.State = Missing
	}
}

// bytes takes v.Size bits, as far as they are there.
func (d *decoder) bytes(v *Value) {
	have, from, size := uint64(len(d.text)), v.Offset/8, v.Size/8
	switch {
	case size == 0:
	case from >= have:
		v.State = Missing
	case from+size > have:
		v.State, v.text = Partial, d.text[from:]
	default:
		v.text = d.text[from : from+size]
	}
}

func (d *decoder) array(v *Value, a *btf.Array, p place) {
	v.Kind = element(a.Type)
	size, err := sizeOf(a.Type)
	if err != nil || p.width > 0 || v.Offset%8 != 0 {
		d.opaque(v)
		return
	}
	have := uint64(len(d.data)) - min(v.Offset/8, uint64(len(d.data))) // bytes from here on
	count := uint64(a.Nelems)
	if count == 0 && p.tail && size > 0 {
		count = have / size
		v.Size = 8 * size * count
		d.end = max(d.end, v.Offset/8+size*count)
	}
	if v.Kind != KindArray {
		d.bytes(v)
		return
	}
	d.elements(v, a.Type, count, size, have, p)
}

func (d *decoder) elements(v *Value, t btf.Type, count, size, have uint64, p place) {
	present := count
	if size > 0 && count > 0 {
		present = min(count, (have+size-1)/size)
		if present == 0 {
			v.State = Missing
			return
		}
	}
	v.absent = count - present
	if v.absent > 0 {
		v.State = Partial
	}
	n := d.take(v, present, p)
	for i := range v.Children {
		c := &v.Children[i]
		c.Type, c.Offset = t, v.Offset+8*size*uint64(i)
		d.value(c, n)
		if c.State != Whole {
			v.State = Partial
		}
	}
}

// take makes room for the children of v, within the limits, and returns the
// place of each.
func (d *decoder) take(v *Value, n uint64, p place) place {
	made := min(n, uint64(d.left))
	if p.depth <= 0 {
		made = 0
	}
	d.left -= int(made)
	v.Omitted = n - made
	if made > 0 {
		v.Children = make([]Value, made)
	}
	return place{depth: p.depth - 1}
}

// gone tells whether the data ends before a composite value, whose members then
// need not be listed.
func (d *decoder) gone(v *Value) bool {
	if v.Size > 0 && v.Offset >= 8*uint64(len(d.data)) {
		v.State = Missing
		return true
	}
	return false
}

func (d *decoder) members(v *Value, members []btf.Member, p place) {
	if p.width > 0 {
		d.opaque(v)
		return
	}
	if d.gone(v) {
		return
	}
	inner := d.take(v, uint64(len(members)), p)
	for i := range v.Children {
		c, m := &v.Children[i], &members[i]
		c.Name, c.Type, c.Offset = clip(m.Name), m.Type, v.Offset+uint64(m.Offset)
		inner.width = uint(m.BitfieldSize)
		inner.tail = p.tail && (v.Kind == KindUnion || i == len(members)-1)
		d.value(c, inner)
		if c.State != Whole {
			v.State = Partial
		}
	}
}

func (d *decoder) variables(v *Value, vars []btf.VarSecinfo, p place) {
	if d.gone(v) {
		return
	}
	inner := d.take(v, uint64(len(vars)), p)
	for i := range v.Children {
		c := &v.Children[i]
		c.Type, c.Offset = vars[i].Type, 8*uint64(vars[i].Offset)+v.Offset
		if c.Type != nil {
			c.Name = clip(c.Type.TypeName())
		}
		d.value(c, inner)
		if c.State != Whole {
			v.State = Partial
		}
	}
}
