package btfc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// selection is what Options asks of a Spec, each list in a fixed order.
type selection struct {
	// types are declared in full: structs, unions, enums with a tag, typedefs,
	// and forward declarations that BTF has nothing better for.
	types []btf.Type
	// constants are enums without a tag. They are written last, unless a
	// declaration in types has spelled them out by then.
	constants []*btf.Enum
	kfuncs    []*btf.Func
	// named is every type in the order in which names are handed out.
	named []btf.Type
}

// choose finds the types that o asks for.
func choose(spec *btf.Spec, o Options) (*selection, error) {
	var s selection
	var enums []btf.Type
	for t, err := range spec.All() {
		if err != nil {
			return nil, fmt.Errorf("read BTF: %w", err)
		}
		switch t := t.(type) {
		case *btf.Func:
			if o.Kfuncs && slices.Contains(t.Tags, "bpf_kfunc") {
				s.kfuncs = append(s.kfuncs, t)
			}
		case *btf.Enum:
			if hasPrefix(t, o.Enums) {
				enums = append(enums, t)
			}
		}
		if len(o.Types) == 0 && len(o.Enums) == 0 {
			s.add(t)
			s.named = append(s.named, t)
		}
	}
	// Sorted, so that a kernel's next patch level, which numbers its types anew,
	// does not shuffle the list.
	slices.SortStableFunc(s.kfuncs, func(a, b *btf.Func) int { return cmp.Compare(a.Name, b.Name) })
	s.kfuncs = slices.CompactFunc(s.kfuncs, func(a, b *btf.Func) bool { return a.Name == b.Name })
	if len(o.Types) == 0 && len(o.Enums) == 0 {
		return &s, nil
	}

	var roots []btf.Type
	for _, name := range o.Types {
		found, err := lookup(spec, name)
		if err != nil {
			return nil, err
		}
		roots = append(roots, found...)
	}
	s.closure(append(roots, enums...), o.PointerDepth)
	return &s, nil
}

func hasPrefix(e *btf.Enum, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(e.Name, p) || len(e.Values) > 0 && strings.HasPrefix(e.Values[0].Name, p) {
			return true
		}
	}
	return false
}

// add notes a type for declaration if it can stand alone.
func (s *selection) add(t btf.Type) {
	switch v := t.(type) {
	case *btf.Enum:
		if v.Name == "" {
			s.constants = append(s.constants, v)
			return
		}
		s.types = append(s.types, t)
	case *btf.Struct, *btf.Union, *btf.Typedef, *btf.Fwd:
		if t.TypeName() != "" {
			s.types = append(s.types, t)
		}
	}
}

// closure adds the roots and the structs and unions within depth pointers of one.
// Enums, typedefs and what is contained need no mention: declaring a type declares
// what it needs first.
func (s *selection) closure(roots []btf.Type, depth int) {
	for _, r := range roots {
		s.add(r)
	}
	seen := make(map[btf.Type]bool)
	level := roots
	for d := 0; len(level) > 0 && (depth < 0 || d <= depth); d++ {
		var pointees []btf.Type
		for len(level) > 0 {
			t := level[0]
			level = level[1:]
			if seen[t] {
				continue
			}
			seen[t] = true
			s.named = append(s.named, t)
			switch t.(type) {
			case *btf.Struct, *btf.Union:
				s.add(t)
			}
			level = append(level, contained(t)...)
			if p, ok := t.(*btf.Pointer); ok {
				pointees = append(pointees, p.Target)
			}
		}
		level = pointees
	}
	s.named = append(s.named, level...)
}

// contained lists the types that t refers to other than by a pointer.
func contained(t btf.Type) []btf.Type {
	var out []btf.Type
	switch t := t.(type) {
	case *btf.Struct:
		for _, m := range t.Members {
			out = append(out, m.Type)
		}
	case *btf.Union:
		for _, m := range t.Members {
			out = append(out, m.Type)
		}
	case *btf.FuncProto:
		out = append(out, t.Return)
		for _, p := range t.Params {
			out = append(out, p.Type)
		}
	case *btf.Array:
		out = append(out, t.Type)
	case *btf.Typedef:
		out = append(out, t.Type)
	case *btf.Const:
		out = append(out, t.Type)
	case *btf.Volatile:
		out = append(out, t.Type)
	case *btf.Restrict:
		out = append(out, t.Type)
	case *btf.TypeTag:
		out = append(out, t.Type)
	}
	return out
}

// kinds are the words that may stand before a root's name.
var kinds = map[string]func(btf.Type) bool{
	"struct":  is[*btf.Struct],
	"union":   is[*btf.Union],
	"enum":    is[*btf.Enum],
	"typedef": is[*btf.Typedef],
}

func is[T btf.Type](t btf.Type) bool {
	_, ok := t.(T)
	return ok
}

// lookup finds the types that a root's name stands for.
func lookup(spec *btf.Spec, root string) ([]btf.Type, error) {
	name := strings.TrimSpace(root)
	fits := func(t btf.Type) bool {
		switch t.(type) {
		case *btf.Struct, *btf.Union, *btf.Enum, *btf.Typedef, *btf.Fwd:
			return true
		}
		return false
	}
	if word, rest, ok := strings.Cut(name, " "); ok && kinds[word] != nil {
		fits, name = kinds[word], strings.TrimSpace(rest)
	}
	var found []btf.Type
	if name != "" {
		// An error says that there is none, which is found out below.
		all, _ := spec.AnyTypesByName(name)
		for _, t := range all {
			if t.TypeName() == name && fits(t) {
				found = append(found, t)
			}
		}
	}
	if len(found) == 0 {
		return nil, &UnknownTypeError{Name: root, Nearest: nearestNames(spec, name, fits)}
	}
	return found, nil
}
