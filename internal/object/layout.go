package object

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// underlying strips typedefs and qualifiers.
func underlying(t btf.Type) btf.Type {
	for range maxTypeDepth {
		switch u := t.(type) {
		case *btf.Typedef:
			t = u.Type
		default:
			stripped := unqualified(t)
			if stripped == t {
				return t
			}
			t = stripped
		}
	}
	return &btf.Void{}
}

// unqualified strips const, volatile, restrict and type tags.
func unqualified(t btf.Type) btf.Type {
	for range maxTypeDepth {
		switch u := t.(type) {
		case *btf.Const:
			t = u.Type
		case *btf.Volatile:
			t = u.Type
		case *btf.Restrict:
			t = u.Type
		case *btf.TypeTag:
			t = u.Type
		default:
			return t
		}
	}
	return &btf.Void{}
}

// sizeof gives the size in bytes of types that have one.
func sizeof(t btf.Type) (int, bool) {
	if t == nil || !hasSize(t) {
		return 0, false
	}
	n, err := btf.Sizeof(t)
	return n, err == nil
}

// hasSize says whether a variable can be of type t.
func hasSize(t btf.Type) bool {
	switch underlying(t).(type) {
	case nil, *btf.Void, *btf.Fwd, *btf.FuncProto, *btf.Func, *btf.Datasec, *btf.Var:
		return false
	}
	return true
}

// isBytes says whether t is a byte or an array of bytes.
func isBytes(t btf.Type) bool {
	u := underlying(t)
	for range maxTypeDepth {
		array, ok := u.(*btf.Array)
		if !ok {
			break
		}
		u = underlying(array.Type)
	}
	n, ok := u.(*btf.Int)
	return ok && n.Size == 1
}

// part finds what lies delta bytes inside an object of type t: the object
// itself, a member or an element, whatever is the outermost that has the size
// of the record (-1: unknown). path names it. repeat allows a pointer to a
// scalar to be a pointer to an array of them.
func part(t btf.Type, delta int64, size int, repeat bool) (found btf.Type, fit int, path string) {
	if whole, ok := sizeof(t); ok && delta == 0 && repeat && whole > 0 && size > whole && size%whole == 0 && isScalar(underlying(t)) {
		return &btf.Array{Index: arrayIndex, Type: unqualified(t), Nelems: uint32(size / whole)}, fitsExactly, ""
	}
	p := &partFinder{budget: maxParts}
	return p.find(t, delta, size)
}

// maxParts bounds how many members are looked at: types of hostile BTF may
// contain themselves.
const maxParts = 4096

type partFinder struct{ budget int }

func (p *partFinder) find(t btf.Type, delta int64, size int) (found btf.Type, fit int, path string) {
	t = unqualified(t)
	whole, ok := sizeof(t)
	if p.budget--; !ok || p.budget < 0 || delta < 0 || (delta >= int64(whole) && delta > 0) {
		return nil, fitsNot, ""
	}
	fit = fitOf(whole, size)
	if delta == 0 && fit == fitsExactly {
		return t, fit, ""
	}
	inner, innerFit, path := p.inside(t, delta, size)
	if inner != nil && (delta > 0 || innerFit == fitsExactly) {
		return inner, innerFit, path
	}
	if delta > 0 {
		return nil, fitsNot, ""
	}
	return t, fit, ""
}

var arrayIndex = &btf.Int{Name: "__ARRAY_SIZE_TYPE__", Size: 4}

func fitOf(whole, size int) int {
	switch {
	case size < 0 || whole > size:
		return fitsPart
	case whole == size:
		return fitsExactly
	}
	return fitsNot
}

func isScalar(t btf.Type) bool {
	switch t.(type) {
	case *btf.Int, *btf.Enum, *btf.Float, *btf.Pointer:
		return true
	}
	return false
}

// inside looks into members and elements.
func (p *partFinder) inside(t btf.Type, delta int64, size int) (btf.Type, int, string) {
	switch u := underlying(t).(type) {
	case *btf.Struct:
		return p.member(u.Members, delta, size)
	case *btf.Union:
		return p.member(u.Members, delta, size)
	case *btf.Array:
		return p.element(u, delta, size)
	}
	return nil, fitsNot, ""
}

func (p *partFinder) element(array *btf.Array, delta int64, size int) (btf.Type, int, string) {
	element, ok := sizeof(array.Type)
	if !ok || element == 0 {
		return nil, fitsNot, ""
	}
	index, within := delta/int64(element), delta%int64(element)
	if size > element && within == 0 && size%element == 0 && int64(array.Nelems) >= index+int64(size/element) {
		some := &btf.Array{Index: array.Index, Type: array.Type, Nelems: uint32(size / element)}
		return some, fitsExactly, fmt.Sprintf("[%d]", index)
	}
	found, fit, path := p.find(array.Type, within, size)
	if found == nil {
		return nil, fitsNot, ""
	}
	return found, fit, fmt.Sprintf("[%d]%s", index, path)
}

func (p *partFinder) member(members []btf.Member, delta int64, size int) (btf.Type, int, string) {
	var best btf.Type
	bestFit, bestPath := -1, ""
	for i := range members {
		m := &members[i]
		start := int64(m.Offset / 8)
		n, ok := sizeof(m.Type)
		if !ok || m.BitfieldSize > 0 || delta < start || delta >= start+int64(n) {
			continue
		}
		found, fit, path := p.find(m.Type, delta-start, size)
		if found == nil || fit <= bestFit {
			continue
		}
		if m.Name != "" {
			path = "." + m.Name + path
		}
		best, bestFit, bestPath = found, fit, path
	}
	return best, max(bestFit, fitsNot), bestPath
}

// sameType says whether two types have the same name and layout. What a
// pointer points to does not matter: it is shown as an address.
func sameType(a, b btf.Type) bool {
	c := &comparison{budget: maxParts}
	return c.same(a, b)
}

// A comparison is bounded as a partFinder is.
type comparison struct{ budget int }

func (c *comparison) same(a, b btf.Type) bool {
	if a == b {
		return true
	}
	if c.budget--; a == nil || b == nil || c.budget < 0 {
		return false
	}
	a, b = unqualified(a), unqualified(b)
	if a.TypeName() != b.TypeName() {
		return false
	}
	switch x := a.(type) {
	case *btf.Typedef:
		y, ok := b.(*btf.Typedef)
		return ok && c.same(x.Type, y.Type)
	case *btf.Struct:
		y, ok := b.(*btf.Struct)
		return ok && x.Size == y.Size && c.members(x.Members, y.Members)
	case *btf.Union:
		y, ok := b.(*btf.Union)
		return ok && x.Size == y.Size && c.members(x.Members, y.Members)
	case *btf.Array:
		y, ok := b.(*btf.Array)
		return ok && x.Nelems == y.Nelems && c.same(x.Type, y.Type)
	case *btf.Int:
		y, ok := b.(*btf.Int)
		return ok && x.Size == y.Size && x.Encoding == y.Encoding
	case *btf.Float:
		y, ok := b.(*btf.Float)
		return ok && x.Size == y.Size
	case *btf.Enum:
		y, ok := b.(*btf.Enum)
		return ok && x.Size == y.Size && len(x.Values) == len(y.Values)
	case *btf.Pointer:
		_, ok := b.(*btf.Pointer)
		return ok
	}
	return false
}

func (c *comparison) members(a, b []btf.Member) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Offset != b[i].Offset || a[i].BitfieldSize != b[i].BitfieldSize ||
			!c.same(a[i].Type, b[i].Type) {
			return false
		}
	}
	return true
}

// canonical gives the object's BTF type of the same name and layout if there
// is one, else t.
func (o *Object) canonical(t btf.Type) btf.Type {
	if t == nil || t.TypeName() == "" || o.Spec.Types == nil {
		return t
	}
	known, err := o.Spec.Types.AnyTypesByName(t.TypeName())
	if err != nil {
		return t
	}
	for _, k := range known[:min(len(known), maxVariants)] {
		if sameType(k, t) {
			return k
		}
	}
	return t
}
