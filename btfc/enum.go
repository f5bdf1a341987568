package btfc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// modes are the attributes that give an enum a size that its constants would not.
var modes = map[uint32]string{1: "byte", 2: "HI", 4: "SI", 8: "DI"}

// enum writes an enum with a tag.
func (p *printer) enum(e *btf.Enum) error {
	if p.progress[e] == done {
		return nil
	}
	p.progress[e] = done
	var b bytes.Buffer
	err := p.tagged(&b, e)
	if err == nil {
		b.WriteString(" ")
		err = p.constants(&b, e, place{})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", describe(e), err)
	}
	b.WriteString(";\n")
	p.emit(b.Bytes())
	return p.spend(0)
}

// anonymousEnum writes an enum without a tag where it is used. Its constants can be
// declared once only: further uses get an integer of the same size.
func (p *printer) anonymousEnum(b *bytes.Buffer, e *btf.Enum, at place) error {
	if p.spelled[e] {
		encoding := btf.Unsigned
		if e.Signed {
			encoding = btf.Signed
		}
		return writeWord(b, standIns[encoding][e.Size], e)
	}
	p.spelled[e] = true
	b.WriteString("enum ")
	if err := p.constants(b, e, at); err != nil {
		return fmt.Errorf("%s: %w", describe(e), err)
	}
	return nil
}

// constants writes the body of an enum in braces, with the attribute that it needs.
func (p *printer) constants(b *bytes.Buffer, e *btf.Enum, at place) error {
	if modes[e.Size] == "" {
		return fmt.Errorf("enum of %d bytes: %w", e.Size, ErrNotC)
	}
	names, err := p.names.ofConstants(e)
	if err != nil {
		return err
	}
	start := b.Len()
	b.WriteString("{\n")
	var low int64
	var high uint64
	for i, v := range e.Values {
		n := value(e, v.Value)
		if n.negative {
			low = min(low, int64(n.bits))
		} else {
			high = max(high, n.bits)
		}
		fmt.Fprintf(b, "%s\t%s = %s,\n", at.indent, names[i], n)
	}
	if len(e.Values) == 0 {
		// An enum that was only declared. C wants a constant, and the member of this
		// type a size.
		fmt.Fprintf(b, "%s\t%s = 0,\n", at.indent, p.names.idents.claim("__empty_enum"))
	}
	b.WriteString(at.indent + "}")
	b.WriteString(enumAttribute(e, low, high))
	return p.spend(b.Len() - start)
}

// enumAttribute returns what gives the enum its size, with a space before it, if its
// constants do not. Packed comes first because clang makes every enum with a mode
// signed, so that 200 in a byte would not equal its own constant.
func enumAttribute(e *btf.Enum, low int64, high uint64) string {
	switch {
	case enumSize(low, high) == e.Size:
		return ""
	case packedEnumSize(low, high) == e.Size:
		return " __attribute__((packed))"
	}
	return " __attribute__((mode(" + modes[e.Size] + ")))"
}

// packedEnumSize is the size in bytes of a packed enum: the smallest that fits.
func packedEnumSize(low int64, high uint64) uint32 {
	for size := uint32(1); size < 8; size *= 2 {
		bits := 8 * size
		if low >= 0 && high>>bits == 0 || low >= -1<<(bits-1) && high>>(bits-1) == 0 {
			return size
		}
	}
	return 8
}

// enumSize is the size in bytes that compilers choose for an enum with these
// extremes: int or unsigned int if either fits.
func enumSize(low int64, high uint64) uint32 {
	if low >= 0 && high <= math.MaxUint32 || low >= math.MinInt32 && high <= math.MaxInt32 {
		return 4
	}
	return 8
}

// constant is the value of an enum's constant.
type constant struct {
	bits     uint64
	negative bool
}

// value decodes a constant. BTF before enum64 had only 32 bits for it and no sign,
// and some versions of pahole wrote -1 into a one-byte enum as 4294967295: what is too
// large for the enum is taken as negative.
func value(e *btf.Enum, raw uint64) constant {
	if e.Signed {
		return constant{raw, int64(raw) < 0}
	}
	if e.Size < 8 && raw > 1<<(8*e.Size)-1 {
		raw = uint64(int64(int32(raw)))
		return constant{raw, int64(raw) < 0}
	}
	return constant{raw, false}
}

func (c constant) String() string {
	switch {
	case c.negative && int64(c.bits) == math.MinInt64:
		return "-9223372036854775807LL - 1" // the literal itself would not fit
	case c.negative && int64(c.bits) < math.MinInt32:
		return strconv.FormatInt(int64(c.bits), 10) + "LL"
	case c.negative:
		return strconv.FormatInt(int64(c.bits), 10)
	case c.bits > math.MaxUint32:
		return strconv.FormatUint(c.bits, 10) + "ULL"
	}
	return strconv.FormatUint(c.bits, 10)
}
