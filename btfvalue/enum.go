package btfvalue

import (
	"math/bits"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// smallEnum is up to how many enumerators a scan beats a table.
const smallEnum = 16

// maxFlags bounds the text of a combination in bytes; longer ones show as
// numbers.
const maxFlags = 1024

// enumNames finds the names of one enumeration's values.
type enumNames struct {
	byValue map[uint64]string
	flags   bool
}

func (d *decoder) enumName(e *btf.Enum, value uint64) string {
	if len(e.Values) <= smallEnum {
		for i := range e.Values {
			if e.Values[i].Value == value {
				return clip(e.Values[i].Name)
			}
		}
		if !flagLike(e.Values) {
			return ""
		}
	}
	names := d.enums[e]
	if names == nil {
		names = newEnumNames(e)
		if d.enums == nil {
			d.enums = make(map[*btf.Enum]*enumNames)
		}
		d.enums[e] = names
	}
	if name, ok := names.byValue[value]; ok {
		return name
	}
	if names.flags {
		return names.combination(value)
	}
	return ""
}

func newEnumNames(e *btf.Enum) *enumNames {
	names := &enumNames{byValue: make(map[uint64]string, len(e.Values)), flags: flagLike(e.Values)}
	for _, v := range e.Values {
		if _, twice := names.byValue[v.Value]; !twice { // of aliases the first is the name
			names.byValue[v.Value] = clip(v.Name)
		}
	}
	return names
}

// flagLike tells whether all values but 0 are single bits, of which there are
// at least three: two may as well be the plain enumeration 0, 1, 2.
func flagLike(values []btf.EnumValue) bool {
	var seen uint64
	for _, v := range values {
		if bits.OnesCount64(v.Value) > 1 {
			return false
		}
		seen |= v.Value
	}
	return bits.OnesCount64(seen) >= 3
}

// combination returns "A|B" for A+B, lowest bit first, or "" if a bit has no name.
func (n *enumNames) combination(value uint64) string {
	var b strings.Builder
	for rest := value; rest != 0; rest &= rest - 1 {
		name, ok := n.byValue[rest&-rest]
		if !ok || b.Len()+len(name) > maxFlags {
			return ""
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	return b.String()
}
