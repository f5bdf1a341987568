package btfvalue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// maxParsed is the size in bytes up to which Parse makes values.
const maxParsed = 16 << 20

// Parse turns text into the memory of a value of type t, for example to set a
// global variable before a program is loaded. The result is as long as the type;
// what the text does not mention is zero.
//
//	42  -1  0xff  0b101  'a'       integers, pointers (also NULL), floats (1.5e3)
//	true  false  0  1              bool
//	EV_EXEC  EV_READ|EV_WRITE  3   enumerations
//	bash  "two\nlines"             arrays of char; bare text is taken as it is
//	02:42:ac:11:00:02  0x0242ac  [2, 66, 172]   arrays of unsigned char
//	[1, 2, 3]                      any array
//	{pid: 42, .comm = "bash"}      structs and unions
//
// The JSON that [Value.MarshalJSON] writes is understood as well. Integers that
// do not fit their type are refused, not cut. An array may be given fewer
// elements than it has, text may fill all of its array without a NUL. The error
// says which member is wrong and what it takes.
func Parse(t btf.Type, order binary.ByteOrder, text string) ([]byte, error) {
	if t == nil || order == nil {
		return nil, errors.New("parse value: type and byte order are needed, one is nil")
	}
	data, err := parse(t, order, text)
	if err != nil {
		return nil, fmt.Errorf("set %s to %s: %w", printable(TypeName(t)), abbreviate(text), err)
	}
	return data, nil
}

func abbreviate(text string) string {
	if len(text) > 60 {
		return strconv.Quote(text[:60]) + "…"
	}
	return strconv.Quote(text)
}

func parse(t btf.Type, order binary.ByteOrder, text string) ([]byte, error) {
	size, err := sizeOf(t)
	if err != nil {
		return nil, err
	}
	if size > maxParsed || len(text) > maxLiteral {
		return nil, fmt.Errorf("too large: the type has %d bytes (at most %d), the text %d (at most %d)",
			size, maxParsed, len(text), maxLiteral)
	}
	e := encoder{data: make([]byte, size), big: isBig(order), work: maxWork}
	l := literal{text: text}
	if array, ok := peel(t).(*btf.Array); !ok || element(array.Type) != KindText || strings.HasPrefix(text, `"`) {
		if l, err = readLiteral(text); err != nil {
			return nil, err
		}
	}
	if err := e.value(t, l, 0, 0, defaultDepth); err != nil {
		return nil, err
	}
	return e.data, nil
}

type encoder struct {
	data []byte
	big  bool
	work int
}

// maxWork is how many names of members and enumerators may be looked at. Types
// with thousands of them, repeated in a long text, would take minutes.
const maxWork = 10_000_000

func (e *encoder) spend(n int) error {
	if e.work -= n; e.work < 0 {
		return errors.New("too many names to look up")
	}
	return nil
}

// value writes l at bit offset off; width is that of a bitfield, or 0.
func (e *encoder) value(t btf.Type, l literal, off uint64, width uint, depth int) error {
	if depth == 0 {
		return fmt.Errorf("the type nests deeper than %d levels", defaultDepth)
	}
	switch u := peel(t).(type) {
	case *btf.Int:
		return e.integer(u, l, off, width)
	case *btf.Enum:
		return e.enum(u, l, off, width)
	case *btf.Pointer:
		return e.number(t, l, off, width, pointerSize, false)
	case *btf.Float:
		return e.float(u, l, off, width)
	case *btf.Array:
		return e.array(u, l, off, depth)
	case *btf.Struct:
		return e.members(t, u.Members, l, off, depth)
	case *btf.Union:
		return e.members(t, u.Members, l, off, depth)
	default:
		return fmt.Errorf("%s cannot be set from text", printable(TypeName(t)))
	}
}

// put writes an integer after checking that it and its place are in range.
func (e *encoder) put(name string, n *big.Int, off uint64, width uint, signed bool) error {
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), width)
	if signed {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	if n.Cmp(low) < 0 || n.Cmp(high) >= 0 {
		return fmt.Errorf("%s does not fit %s, which takes %s to %s", n, name, low, high.Sub(high, big.NewInt(1)))
	}
	if off+uint64(width) > 8*uint64(len(e.data)) {
		return fmt.Errorf("%s lies outside of its type: the type information is broken", name)
	}
	mask := new(big.Int).SetUint64(math.MaxUint64)
	lo := new(big.Int).And(n, mask).Uint64() // of negative numbers: two's complement
	hi := new(big.Int).And(new(big.Int).Rsh(n, 64), mask).Uint64()
	writeBits(e.data, e.big, off, width, hi, lo)
	return nil
}

// number writes an integer of size bytes, or of width bits.
func (e *encoder) number(t btf.Type, l literal, off uint64, width uint, size uint32, signed bool) error {
	name := describe(t, width)
	if size == 0 || size > 16 || width > uint(8*size) {
		return fmt.Errorf("%s cannot be set from text", name)
	}
	if width == 0 {
		width = uint(8 * size)
	}
	n, err := integer(l)
	if err != nil {
		return fmt.Errorf("%s takes a number: %w", name, err)
	}
	return e.put(name, n, off, width, signed)
}

func describe(t btf.Type, width uint) string {
	if width == 0 {
		return printable(TypeName(t))
	}
	return fmt.Sprintf("%s of %d bits", printable(TypeName(t)), width)
}

// integer reads a number in Go's and C's notations; quoted ones come from JSON.
func integer(l literal) (*big.Int, error) {
	switch l.form {
	case '[', '{':
		return nil, errors.New("this is a list or an object")
	}
	text := strings.TrimSpace(l.text)
	if len(text) > 200 { // no integer has as many digits, and parsing them is not linear
		return nil, fmt.Errorf("%s is none", abbreviate(text))
	}
	if text == "NULL" || text == "null" {
		return new(big.Int), nil
	}
	if n, ok := new(big.Int).SetString(text, 0); ok {
		return n, nil
	}
	if strings.HasPrefix(text, "'") && charLiteral(text) == len(text) {
		c, _, _, err := strconv.UnquoteChar(text[1:], '\'')
		return big.NewInt(int64(c)), err
	}
	return nil, fmt.Errorf("%q is none; write it as 42, -1, 0x2a or 'a'", text)
}

func (e *encoder) integer(i *btf.Int, l literal, off uint64, width uint) error {
	if i.Encoding&btf.Bool != 0 && l.form != '[' && l.form != '{' {
		switch l.text {
		case "true":
			l.text = "1"
		case "false":
			l.text = "0"
		case "0", "1":
		default:
			return fmt.Errorf("%s takes true or false, not %q", describe(i, width), l.text)
		}
	}
	return e.number(i, l, off, width, i.Size, i.Encoding&btf.Signed != 0)
}

func (e *encoder) enum(u *btf.Enum, l literal, off uint64, width uint) error {
	var sum uint64
	for name := range strings.SplitSeq(l.text, "|") {
		if err := e.spend(len(u.Values)); err != nil {
			return err
		}
		value, ok := enumerator(u, strings.TrimSpace(name))
		if ok {
			sum |= value
			continue
		}
		if err := e.number(u, l, off, width, u.Size, u.Signed); err != nil {
			return fmt.Errorf("%w; %s", err, enumerators(u))
		}
		return nil
	}
	l = literal{text: strconv.FormatUint(sum, 10)}
	if u.Signed {
		l.text = strconv.FormatInt(int64(sum), 10)
	}
	return e.number(u, l, off, width, u.Size, u.Signed)
}

func enumerator(u *btf.Enum, name string) (uint64, bool) {
	for _, v := range u.Values {
		if v.Name == name {
			return v.Value, true
		}
	}
	return 0, false
}

// enumerators lists names for an error, not all of hundreds.
func enumerators(u *btf.Enum) string {
	const most = 8
	var names []string
	for _, v := range u.Values[:min(len(u.Values), most)] {
		names = append(names, printable(clip(v.Name)))
	}
	list := strings.Join(names, ", ")
	if more := len(u.Values) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s has the values %s", printable(TypeName(u)), list)
}

func (e *encoder) float(u *btf.Float, l literal, off uint64, width uint) error {
	if width > 0 || u.Size != 4 && u.Size != 8 {
		return fmt.Errorf("%s of %d bytes cannot be set from text", printable(TypeName(u)), u.Size)
	}
	f, err := strconv.ParseFloat(l.text, int(8*u.Size))
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s does not fit %s", l.text, printable(TypeName(u)))
	}
	if err != nil || l.form == '[' || l.form == '{' {
		return fmt.Errorf("%s takes a number such as 1.5 or -2e9, not %q", printable(TypeName(u)), l.text)
	}
	raw := math.Float64bits(f)
	if u.Size == 4 {
		raw = uint64(math.Float32bits(float32(f)))
	}
	return e.put(printable(TypeName(u)), new(big.Int).SetUint64(raw), off, uint(8*u.Size), false)
}
