package btfvalue

import (
	"math"
	"math/big"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A Kind says how a [Value] is to be read.
type Kind uint8

// The kinds of values.
const (
	KindOpaque  Kind = iota // bytes that have no readable form
	KindInt                 // signed integer
	KindUint                // unsigned integer
	KindChar                // one char, outside an array
	KindBool                // _Bool
	KindEnum                // enumeration
	KindFloat               // IEEE 754 of 2, 4 or 8 bytes
	KindPointer             // address
	KindText                // array of char
	KindBytes               // array of unsigned char
	KindArray               // any other array; Children are its elements
	KindStruct              // Children are the members
	KindUnion               // Children are the members, all of the same memory
	KindDatasec             // Children are the variables of a section
)

var kindNames = [...]string{
	KindOpaque: "opaque", KindInt: "int", KindUint: "uint", KindChar: "char", KindBool: "bool",
	KindEnum: "enum", KindFloat: "float", KindPointer: "pointer", KindText: "text", KindBytes: "bytes",
	KindArray: "array", KindStruct: "struct", KindUnion: "union", KindDatasec: "datasec",
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// A State says how much of a value the data held.
type State uint8

// The states of values.
const (
	Whole   State = iota // all of it
	Partial              // the data ended inside: some of Children, or some bytes, are missing
	Missing              // the data ended before it, or inside a value that cannot be split
)

// A Value is a piece of memory read by its type. Values are made by [Decode];
// they do not refer to the data they were made from.
type Value struct {
	// Name of the member or variable. Empty for the outermost value (unless
	// its type is a variable), for elements, and for anonymous members.
	Name string
	// Type as declared, with its typedefs and qualifiers.
	Type btf.Type
	// Offset from the beginning of the data, in bits. For bitfields it counts
	// as BTF does: from the least significant bit of a byte in little-endian
	// data, from the most significant one in big-endian data.
	Offset uint64
	// Size in bits. Of a flexible array: of the elements that were found.
	Size uint64
	// Children are the members, elements or variables, in declaration order.
	Children []Value
	// Omitted counts members or elements that Limits kept out of Children.
	Omitted uint64
	// Trailing is the number of bytes after the end of the outermost value.
	Trailing int

	Kind  Kind
	State State
	// Bitfield is true of members with a width in bits.
	Bitfield bool

	signed bool
	lo, hi uint64 // integers, extended to 128 bits; floats as float64 bits
	absent uint64 // elements after the data's end
	// text holds the bytes of KindText, KindBytes and KindOpaque, the name of
	// a KindEnum.
	text string
}

// TypeName spells the value's type in C, such as "struct event" or "char[16]".
func (v Value) TypeName() string { return TypeName(v.Type) }

// Int returns an integer, char, bool, enumeration or pointer as int64; false if
// the value is of another kind, is missing or does not fit.
func (v Value) Int() (int64, bool) {
	if !v.integral() {
		return 0, false
	}
	if v.signed {
		return int64(v.lo), v.hi == uint64(int64(v.lo)>>63)
	}
	return int64(v.lo), v.hi == 0 && v.lo <= math.MaxInt64
}

// Uint returns an integer, char, bool, enumeration or pointer as uint64; false
// if the value is of another kind, is missing, negative or does not fit.
func (v Value) Uint() (uint64, bool) {
	return v.lo, v.integral() && v.hi == 0
}

// Big returns an integer, char, bool, enumeration or pointer of any size, or
// nil if the value is of another kind or missing.
func (v Value) Big() *big.Int {
	if !v.integral() {
		return nil
	}
	return wide(v.hi, v.lo, v.signed)
}

// wide puts the halves of a two's complement number of 128 bits together.
func wide(hi, lo uint64, signed bool) *big.Int {
	n := new(big.Int).SetUint64(hi)
	if signed {
		n.SetInt64(int64(hi))
	}
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(lo))
}

// Float returns a float; false if the value is of another kind or missing.
func (v Value) Float() (float64, bool) {
	return math.Float64frombits(v.lo), v.Kind == KindFloat && v.State == Whole
}

// EnumName returns the name of an enumeration's value, or "".
func (v Value) EnumName() string {
	if v.Kind != KindEnum {
		return ""
	}
	return v.text
}

// Text returns what an array of char holds before its first NUL, as it is: it
// may hold control characters and bytes that are not UTF-8.
func (v Value) Text() (string, bool) {
	if v.Kind != KindText || v.State == Missing {
		return "", false
	}
	s, _ := v.cString()
	return s, true
}

// cString splits the bytes of an array of char at the first NUL. rest is what
// follows it, without trailing NULs.
func (v *Value) cString() (s, rest string) {
	s, rest, _ = strings.Cut(v.text, "\x00")
	return s, strings.TrimRight(rest, "\x00")
}

// Bytes returns a copy of all bytes of an array of char or unsigned char, or of
// an opaque value; nil for other kinds.
func (v Value) Bytes() []byte {
	switch v.Kind {
	case KindText, KindBytes, KindOpaque:
		return []byte(v.text)
	default:
		return nil
	}
}

// Len returns how many elements an array has by its type, or for a flexible
// array how many were found, whether or not Children holds them.
func (v Value) Len() uint64 {
	switch v.Kind {
	case KindText, KindBytes:
		return v.Size / 8
	case KindArray:
		return uint64(len(v.Children)) + v.absent + v.Omitted
	default:
		return 0
	}
}

// Field returns the member or variable of that name, looking into anonymous
// members, or nil.
func (v *Value) Field(name string) *Value {
	if v.Kind == KindArray {
		return nil
	}
	for i := range v.Children {
		c := &v.Children[i]
		if c.Name == name && name != "" {
			return c
		}
		if c.anonymous() {
			if f := c.Field(name); f != nil {
				return f
			}
		}
	}
	return nil
}

// Truncated tells whether any part of the value is missing or omitted.
func (v Value) Truncated() bool {
	if v.State != Whole || v.Omitted > 0 {
		return true
	}
	for i := range v.Children {
		if v.Children[i].Truncated() {
			return true
		}
	}
	return false
}

func (v *Value) integral() bool {
	return v.State == Whole && v.Kind >= KindInt && v.Kind <= KindPointer && v.Kind != KindFloat
}

// anonymous is true of members that C treats as transparent.
func (v *Value) anonymous() bool {
	return v.Name == "" && (v.Kind == KindStruct || v.Kind == KindUnion) && v.State != Missing
}
