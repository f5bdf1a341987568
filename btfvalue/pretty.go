package btfvalue

import (
	"fmt"
	"strconv"
	"strings"
)

// Pretty writes the value as a table: a line per member with its offset and
// size, its C declaration and its content.
//
//	offset   size
//	     0     40  struct event
//	     0      4    unsigned int pid = 42
//	     4    3b     enum kind kind : 3 = EV_EXEC
//	   4.3     5b    unsigned int flags : 5 = 0
//	     8     16    char comm[16] = "bash"
//
// Offsets are in bytes from the beginning of the data, with the bit after the
// dot; sizes are in bytes, or in bits where they end in b. Text is shown with
// what follows its first NUL.
func (v Value) Pretty() string {
	var b strings.Builder
	b.WriteString("offset   size\n")
	v.prettyLine(&b, v.Name, 0)
	if v.Trailing > 0 {
		fmt.Fprintf(&b, "%d bytes follow the value\n", v.Trailing)
	}
	return b.String()
}

func (v *Value) prettyLine(b *strings.Builder, label string, depth int) {
	offset, size := strconv.FormatUint(v.Offset/8, 10), strconv.FormatUint(v.Size/8, 10)
	if bit := v.Offset % 8; bit != 0 {
		offset += "." + strconv.FormatUint(bit, 10)
	}
	declaration := printable(v.declaration(label))
	if v.Bitfield {
		size = strconv.FormatUint(v.Size, 10) + "b"
		declaration += " : " + strconv.FormatUint(v.Size, 10)
	}
	fmt.Fprintf(b, "%6s %6s  %s%s", offset, size, strings.Repeat("  ", depth), declaration)
	if v.State == Missing || !v.nested() {
		b.WriteString(" = ")
		b.WriteString(v.content())
		b.WriteByte('\n')
		return
	}
	b.WriteByte('\n')
	for i := range v.Children {
		c := &v.Children[i]
		label := c.Name
		if v.Kind == KindArray {
			label = "[" + strconv.Itoa(i) + "]"
		}
		c.prettyLine(b, label, depth+1)
	}
	v.prettyRest(b, depth+1)
}

// declaration is C's, but for elements: those are an index and their type.
func (v *Value) declaration(label string) string {
	if strings.HasPrefix(label, "[") {
		return label + " " + v.TypeName()
	}
	return declare(v.Type, label, maxProtos)
}

// nested is true of values whose children deserve lines of their own.
func (v *Value) nested() bool {
	switch v.Kind {
	case KindStruct, KindUnion, KindDatasec:
		return true
	case KindArray:
		return len(v.Children) > 0 && (v.Children[0].nested() || v.Children[0].Kind == KindText)
	default:
		return false
	}
}

func (v *Value) prettyRest(b *strings.Builder, depth int) {
	for _, rest := range []struct {
		count uint64
		what  string
	}{
		{v.Omitted, "not shown"},
		{v.absent, "missing"},
	} {
		if rest.count > 0 {
			fmt.Fprintf(b, "%15s%s<%d %s>\n", "", strings.Repeat("  ", depth), rest.count, rest.what)
		}
	}
}

func (v *Value) content() string {
	if v.Kind == KindText && v.State == Whole {
		if _, rest := v.cString(); rest != "" {
			return strconv.Quote(strings.TrimRight(v.text, "\x00"))
		}
	}
	return v.String()
}
