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
	names := &enumNames{byValue: make(map[uint64]string, len(e.Values))}
	single := 0
	names.flags = true
	for _, v := range e.Values {
		if _, twice := names.byValue[v.Value]; twice {
			continue // C allows aliases; the first one declared is the name
		}
		names.byValue[v.Value] = clip(v.Name)
		switch bits.OnesCount64(v.Value) {
		case 0:
		case 1:
			single++
		default:
			names.flags = false
		}
	}
	// Two single bits may as well be the plain enumeration 0, 1, 2.
	names.flags = names.flags && single >= 3
	return names
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
