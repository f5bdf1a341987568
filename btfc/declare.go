package btfc

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// keyword is the word before the tag of a struct, union, enum or forward
// declaration.
func keyword(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Struct:
		return "struct"
	case *btf.Union:
		return "union"
	case *btf.Enum:
		return "enum"
	case *btf.Fwd:
		return t.Kind.String()
	}
	return ""
}

// describe names a type in an error.
func describe(t btf.Type) string {
	if k := keyword(t); k != "" {
		return k + " " + quote(t.TypeName())
	}
	kind := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", t), "*btf."))
	if t != nil && t.TypeName() != "" {
		return kind + " " + quote(t.TypeName())
	}
	return kind
}

// quote bounds and escapes a name from BTF for an error.
func quote(name string) string {
	if len(name) > 64 {
		name = name[:64] + "..."
	}
	return fmt.Sprintf("%q", name)
}

// qualifiers stand before a type or behind a pointer's asterisk.
type qualifiers struct {
	isConst, isVolatile, isRestrict bool
	attribute                       string
}

func (q qualifiers) String() string {
	var b strings.Builder
	if q.isConst {
		b.WriteString("const ")
	}
	if q.isVolatile {
		b.WriteString("volatile ")
	}
	if q.isRestrict {
		b.WriteString("restrict ")
	}
	b.WriteString(q.attribute)
	return b.String()
}

// addressSpace turns a type tag that stands for an attribute into that attribute.
// Only address spaces matter: a pointer into another one is another type to clang.
// pahole writes them as the text between the attribute's parentheses.
func addressSpace(tag string) string {
	number, ok := strings.CutPrefix(tag, "address_space(")
	number, ok2 := strings.CutSuffix(number, ")")
	if !ok || !ok2 || number == "" || strings.Trim(number, "0123456789") != "" {
		return ""
	}
	return "__attribute__((" + tag + ")) "
}

// declarator takes a type apart as C writes it: a base type with its qualifiers,
// and the name among asterisks, brackets and parameters.
func (p *printer) declarator(t btf.Type, name string) (base btf.Type, q qualifiers, decl string, err error) {
	decl = name
	for range maxNesting {
		if err := p.spend(len(decl)); err != nil {
			return nil, q, "", err
		}
		switch v := t.(type) {
		case *btf.Const:
			q.isConst = true
			t = v.Type
		case *btf.Volatile:
			q.isVolatile = true
			t = v.Type
		case *btf.Restrict:
			q.isRestrict = true
			t = v.Type
		case *btf.TypeTag:
			if a := addressSpace(v.Value); a != "" {
				q.attribute = a
			}
			t = v.Type
		case *btf.Pointer:
			decl = strings.TrimSuffix("*"+q.String()+decl, " ")
			q = qualifiers{}
			t = v.Target
		case *btf.Array:
			// Qualifiers of an array are those of its elements: they stay in q.
			decl = fmt.Sprintf("%s[%d]", enclose(decl), v.Nelems)
			t = v.Type
		case *btf.FuncProto:
			params, err := p.params(v, false)
			if err != nil {
				return nil, q, "", err
			}
			decl = enclose(decl) + params
			q = qualifiers{}
			t = v.Return
		default:
			q.isRestrict = false // means nothing but on a pointer
			return t, q, decl, nil
		}
	}
	return nil, q, "", fmt.Errorf("more than %d references in a row: %w", maxNesting, ErrNotC)
}

// enclose puts parentheses around a pointer, which binds weaker than [] and ().
func enclose(decl string) string {
	if strings.HasPrefix(decl, "*") {
		return "(" + decl + ")"
	}
	return decl
}

// params writes the parameters of a function, with their names if asked to.
func (p *printer) params(f *btf.FuncProto, named bool) (string, error) {
	if p.depth++; p.depth > maxNesting {
		return "", fmt.Errorf("functions nested more than %d deep: %w", maxNesting, ErrNotC)
	}
	defer func() { p.depth-- }()

	var list []string
	for i, param := range f.Params {
		if is[*btf.Void](param.Type) {
			if i == len(f.Params)-1 && i > 0 {
				// BTF's sign for a variable number of arguments.
				list = append(list, "...")
			}
			continue
		}
		name := ""
		// A parameter called like a typedef would hide it from those behind.
		if named && isIdentifier(param.Name) && !keywords[param.Name] && p.names.idents[param.Name] == 0 {
			name = param.Name
		}
		var b bytes.Buffer
		if err := p.declaration(&b, param.Type, name, place{}); err != nil {
			return "", err
		}
		list = append(list, b.String())
	}
	if len(list) == 0 {
		list = append(list, "void")
	}
	return "(" + strings.Join(list, ", ") + ")", nil
}

// place is where in the output and in memory a declaration stands.
type place struct {
	indent string
	offset int64 // in bits from the start of the outermost struct
}

// declaration writes "type name" without a semicolon; the name may be empty.
func (p *printer) declaration(b *bytes.Buffer, t btf.Type, name string, at place) error {
	base, q, decl, err := p.declarator(t, name)
	if err != nil {
		return err
	}
	b.WriteString(q.String())
	if err := p.base(b, base, at); err != nil {
		return err
	}
	if decl != "" {
		b.WriteString(" ")
		b.WriteString(decl)
	}
	return p.spend(0)
}

// base writes a type that is neither pointer nor array nor function: its name or,
// if it has none, its body.
func (p *printer) base(b *bytes.Buffer, t btf.Type, at place) error {
	switch t := t.(type) {
	case *btf.Void:
		b.WriteString("void")
		return nil
	case *btf.Int:
		return writeWord(b, intName(t), t)
	case *btf.Float:
		return writeWord(b, floatNames[t.Size], t)
	case *btf.Typedef:
		name, err := p.names.of(t)
		b.WriteString(name)
		return err
	case *btf.Enum:
		if t.Name == "" {
			return p.anonymousEnum(b, t, at)
		}
		return p.tagged(b, t)
	case *btf.Struct, *btf.Union:
		if t.TypeName() == "" {
			return p.body(b, t, at)
		}
		return p.tagged(b, t)
	case *btf.Fwd:
		return p.tagged(b, t)
	}
	return fmt.Errorf("%s is no C type: %w", describe(t), ErrNotC)
}

func writeWord(b *bytes.Buffer, word string, t btf.Type) error {
	if word == "" {
		return fmt.Errorf("%s: no C type is like it: %w", describe(t), ErrNotC)
	}
	b.WriteString(word)
	return nil
}

func (p *printer) tagged(b *bytes.Buffer, t btf.Type) error {
	name, err := p.names.of(t)
	b.WriteString(keyword(t) + " " + name)
	return err
}

// intSizes are the names that compilers give to C's integer types in debug
// information, with their sizes in bytes under LP64.
var intSizes = map[string]uint32{
	"char": 1, "signed char": 1, "unsigned char": 1, "_Bool": 1,
	"short": 2, "short int": 2, "unsigned short": 2, "short unsigned int": 2,
	"int": 4, "unsigned int": 4,
	"long": 8, "long int": 8, "unsigned long": 8, "long unsigned int": 8,
	"long long": 8, "long long int": 8, "unsigned long long": 8, "long long unsigned int": 8,
	"__int128": 16, "__int128 unsigned": 16, "unsigned __int128": 16,
}

// standIns name an integer type by encoding and size for all that is not called as
// in intSizes: types of other languages and of machines with a shorter long.
var standIns = map[btf.IntEncoding]map[uint32]string{
	btf.Unsigned: {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long", 16: "unsigned __int128"},
	btf.Signed:   {1: "signed char", 2: "short", 4: "int", 8: "long long", 16: "__int128"},
	btf.Char:     {1: "char"},
	btf.Bool:     {1: "_Bool"},
}

// intName is empty if C has no such integer.
func intName(i *btf.Int) string {
	if size, ok := intSizes[i.Name]; ok && size == i.Size {
		return i.Name
	}
	if name, ok := standIns[i.Encoding][i.Size]; ok {
		return name
	}
	return standIns[btf.Unsigned][i.Size]
}

// floatNames are by size in bytes. Clang's BPF target has no long double of 16 bytes
// and no half; integers of that size keep the place.
var floatNames = map[uint32]string{2: "unsigned short", 4: "float", 8: "double", 16: "unsigned __int128"}
