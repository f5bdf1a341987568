package btfvalue

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Interface returns the value as plain Go values, for expression languages and
// templates: map[string]any for structs, unions and sections, []any for arrays
// and bytes, string for text and named enumerations, int64 or uint64 by the
// type's sign for integers, chars and other enumerations, uint64 for pointers,
// float64, bool, and nil for what is missing. Integers of 128 bits that do not
// fit are decimal strings. Text is valid UTF-8, as in JSON.
func (v Value) Interface() any { return v.plain() }

func (v *Value) plain() any {
	if v.State == Missing {
		return nil
	}
	switch v.Kind {
	case KindStruct, KindUnion, KindDatasec:
		fields := v.fields()
		m := make(map[string]any, len(fields))
		for _, f := range fields {
			m[validText(f.key)] = f.value.plain()
		}
		return m
	case KindArray:
		list := make([]any, len(v.Children))
		for i := range v.Children {
			list[i] = v.Children[i].plain()
		}
		return list
	case KindBytes, KindOpaque:
		list := make([]any, len(v.text))
		for i := range list {
			list[i] = uint64(v.text[i])
		}
		return list
	case KindText:
		s, _ := v.cString()
		return validText(s)
	case KindFloat:
		return math.Float64frombits(v.lo)
	case KindBool:
		return v.lo != 0
	case KindEnum:
		if v.text != "" {
			return validText(v.text)
		}
	}
	return v.plainInteger()
}

func (v *Value) plainInteger() any {
	if n, ok := v.Int(); ok && v.signed {
		return n
	}
	if n, ok := v.Uint(); ok && !v.signed {
		return n
	}
	return wide(v.hi, v.lo, v.signed).String()
}

// validText writes bytes that are not UTF-8 as \xNN.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[s[0]>>4])
			b.WriteByte("0123456789abcdef"[s[0]&15])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// A field is a member under the name that it has in an object.
type field struct {
	key   string
	value *Value
}

// fields lists the members with those of anonymous members in their place. C
// forbids that names collide; where they do (BTF by hand), an anonymous member
// stays an object of its own under "#" and its index, and the index is added to
// a name that is there already.
func (v *Value) fields() []field {
	list, taken := make([]field, 0, len(v.Children)), make(map[string]bool, len(v.Children))
	add := func(key string, i int, c *Value) {
		if key == "" || taken[key] {
			key += "#" + strconv.Itoa(i)
		}
		for taken[key] {
			key += "#"
		}
		taken[key] = true
		list = append(list, field{key, c})
	}
	for i := range v.Children {
		c := &v.Children[i]
		if !c.anonymous() {
			add(c.Name, i, c)
			continue
		}
		inner := c.fields()
		if collide(inner, taken) {
			add("", i, c)
			continue
		}
		for _, f := range inner {
			taken[f.key] = true
		}
		list = append(list, inner...)
	}
	return list
}

func collide(list []field, taken map[string]bool) bool {
	for _, f := range list {
		if taken[f.key] {
			return true
		}
	}
	return false
}
