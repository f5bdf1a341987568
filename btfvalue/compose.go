package btfvalue

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// array writes text, bytes or a list of elements.
func (e *encoder) array(a *btf.Array, l literal, off uint64, depth int) error {
	kind := element(a.Type)
	if kind != KindArray && l.form != '[' {
		return e.bytes(a, kind, l, off)
	}
	if l.form != '[' {
		return fmt.Errorf("%s takes a list such as [1, 2]", printable(TypeName(a)))
	}
	if uint64(len(l.items)) > uint64(a.Nelems) {
		return fmt.Errorf("%d elements do not fit %s", len(l.items), printable(TypeName(a)))
	}
	size, err := sizeOf(a.Type)
	if err != nil {
		return err
	}
	for i, item := range l.items {
		if err := e.value(a.Type, item, off+8*size*uint64(i), 0, depth-1); err != nil {
			return within(fmt.Sprintf("[%d]", i), err)
		}
	}
	return nil
}

// bytes writes text, or for arrays of unsigned char also hexadecimal digits.
func (e *encoder) bytes(a *btf.Array, kind Kind, l literal, off uint64) error {
	content := []byte(l.text)
	if l.form == '{' {
		return fmt.Errorf("%s takes text or a list", printable(TypeName(a)))
	}
	if kind == KindBytes && l.form == 0 {
		digits := strings.NewReplacer(":", "", " ", "").Replace(strings.TrimPrefix(l.text, "0x"))
		var err error
		if content, err = hex.DecodeString(digits); err != nil {
			return fmt.Errorf(`%s takes bytes such as 02:42:ac, 0x0242ac or [2, 66, 172], or text in quotes, not %q`,
				printable(TypeName(a)), l.text)
		}
	}
	if uint64(len(content)) > uint64(a.Nelems) {
		return fmt.Errorf("%d bytes do not fit %s", len(content), printable(TypeName(a)))
	}
	if off%8 != 0 || off/8+uint64(a.Nelems) > uint64(len(e.data)) {
		return errors.New("the array lies outside of its type: the type information is broken")
	}
	clear(e.data[off/8:][:a.Nelems]) // another member of a union may have been there
	copy(e.data[off/8:], content)
	return nil
}

func (e *encoder) members(t btf.Type, members []btf.Member, l literal, off uint64, depth int) error {
	if l.form != '{' {
		return fmt.Errorf("%s takes its members, such as {%s: …}", printable(TypeName(t)), firstName(members))
	}
	for i, key := range l.keys {
		m, base, ok := e.findMember(members, key, defaultDepth)
		if err := e.spend(0); err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s has no member %q; it has %s", printable(TypeName(t)), key, memberNames(members))
		}
		if err := e.value(m.Type, l.items[i], off+base, uint(m.BitfieldSize), depth-1); err != nil {
			return within(key, err)
		}
	}
	return nil
}

// findMember also looks into anonymous members; base is the offset in bits.
func (e *encoder) findMember(members []btf.Member, name string, depth int) (m btf.Member, base uint64, ok bool) {
	if depth == 0 || name == "" {
		return m, 0, false
	}
	for _, m := range members {
		if e.spend(1) != nil {
			break
		}
		if m.Name == name {
			return m, uint64(m.Offset), true
		}
		if m.Name != "" {
			continue
		}
		if inner, base, ok := e.findMember(membersOf(m.Type), name, depth-1); ok {
			return inner, base + uint64(m.Offset), true
		}
	}
	return m, 0, false
}

func membersOf(t btf.Type) []btf.Member {
	switch u := peel(t).(type) {
	case *btf.Struct:
		return u.Members
	case *btf.Union:
		return u.Members
	default:
		return nil
	}
}

func firstName(members []btf.Member) string {
	for _, m := range members {
		if m.Name != "" {
			return printable(clip(m.Name))
		}
	}
	return "name"
}

// memberNames lists names for an error, not all of hundreds.
func memberNames(members []btf.Member) string {
	const most = 12
	var names []string
	for _, m := range members {
		switch {
		case len(names) == most:
			return strings.Join(names, ", ") + " and more"
		case m.Name != "":
			names = append(names, printable(clip(m.Name)))
		default:
			for _, inner := range membersOf(m.Type) {
				if inner.Name != "" && len(names) < most {
					names = append(names, printable(clip(inner.Name)))
				}
			}
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// A memberError says in which member or element something is wrong.
type memberError struct {
	path string
	err  error
}

func (e *memberError) Error() string { return e.path + ": " + e.err.Error() }
func (e *memberError) Unwrap() error { return e.err }

// within puts a member or element in front of the path of err.
func within(outer string, err error) error {
	var inner *memberError
	switch {
	case !errors.As(err, &inner):
		return &memberError{outer, err}
	case strings.HasPrefix(inner.path, "["):
		return &memberError{outer + inner.path, inner.err}
	default:
		return &memberError{outer + "." + inner.path, inner.err}
	}
}
