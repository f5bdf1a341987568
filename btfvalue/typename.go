package btfvalue

import (
	"strconv"

	"github.com/cilium/ebpf/btf"
)

const (
	maxDeclaration = 512 // bytes of declarator, which nesting could grow without end
	maxParams      = 8   // shown of a function
	maxProtos      = 2   // functions within functions' parameters
)

// TypeName spells a type in C: "struct event", "char[16]", "const char *",
// "int (*)(struct sk_buff *)". Names come from BTF as they are. What is very
// long or nested very deep is cut with "…".
func TypeName(t btf.Type) string { return declare(t, "", maxProtos) }

// declare writes the declaration of name as C would, from the name outwards:
// pointers to the left, arrays and parameters to the right.
func declare(t btf.Type, name string, protos int) string {
	qualifiers := ""
	for range 4 * maxQualifiers {
		if len(name)+len(qualifiers) > maxDeclaration+maxName {
			return qualifiers + "…" + name[:min(len(name), maxDeclaration)]
		}
		switch u := t.(type) {
		case *btf.Pointer:
			name, qualifiers = "*"+join(qualifiers, name), ""
			switch u.Target.(type) {
			case *btf.Array, *btf.FuncProto:
				name = "(" + name + ")"
			}
			t = u.Target
		case *btf.Array:
			name += "[" + strconv.FormatUint(uint64(u.Nelems), 10) + "]"
			t = u.Type
		case *btf.FuncProto:
			name += "(" + parameters(u, protos) + ")"
			t = u.Return
		case *btf.Const:
			qualifiers, t = qualifiers+"const ", u.Type
		case *btf.Volatile:
			qualifiers, t = qualifiers+"volatile ", u.Type
		case *btf.Restrict:
			t = u.Type
		case *btf.TypeTag:
			t = u.Type
		case *btf.Var:
			t = u.Type
		case *btf.Func:
			t = u.Type
		default:
			return qualifiers + join(baseName(u)+" ", name)
		}
	}
	return join(qualifiers+"… ", name)
}

// join puts a name behind a base that ends in a blank, which is dropped where C
// writes none.
func join(base, name string) string {
	if (name == "" || name[0] == '[') && base != "" {
		return base[:len(base)-1] + name
	}
	return base + name
}

func parameters(f *btf.FuncProto, protos int) string {
	if protos == 0 {
		return "…"
	}
	list := ""
	for i, p := range f.Params {
		if i > 0 {
			list += ", "
		}
		if i == maxParams {
			return list + "…"
		}
		if p.Type == nil {
			list += "..."
			continue
		}
		if _, void := p.Type.(*btf.Void); void {
			list += "..." // BTF ends variadic parameters in void
			continue
		}
		list += declare(p.Type, "", protos-1)
	}
	if list == "" {
		return "void"
	}
	return list
}

func baseName(t btf.Type) string {
	switch u := t.(type) {
	case nil, *btf.Void:
		return "void"
	case *btf.Struct:
		return tagged("struct", u.Name)
	case *btf.Union:
		return tagged("union", u.Name)
	case *btf.Enum:
		return tagged("enum", u.Name)
	case *btf.Fwd:
		return tagged(u.Kind.String(), u.Name)
	case *btf.Datasec:
		return clip(u.Name)
	default:
		if name := t.TypeName(); name != "" {
			return clip(name)
		}
		return "…"
	}
}

func tagged(keyword, name string) string {
	if name == "" {
		return keyword
	}
	return keyword + " " + clip(name)
}
