package btfvalue

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxExact is the largest magnitude up to which JavaScript, and most readers of
// JSON, keep every integer.
const maxExact = 1 << 53

// MarshalJSON writes the value as the package's documentation says.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// AppendJSON appends what [Value.MarshalJSON] returns.
func (v *Value) AppendJSON(b []byte) []byte {
	if v.State == Missing {
		return append(b, "null"...)
	}
	switch v.Kind {
	case KindStruct, KindUnion, KindDatasec:
		b = append(b, '{')
		for i, f := range v.fields() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, f.key)
			b = append(b, ':')
			b = f.value.AppendJSON(b)
		}
		return append(b, '}')
	case KindArray:
		b = append(b, '[')
		for i := range v.Children {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.Children[i].AppendJSON(b)
		}
		return append(b, ']')
	case KindText:
		s, _ := v.cString()
		return appendJSONString(b, s)
	case KindBytes, KindOpaque:
		return v.appendByteList(b)
	default:
		return v.appendJSONScalar(b)
	}
}

func (v *Value) appendByteList(b []byte) []byte {
	b = append(b, '[')
	for i := range len(v.text) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(v.text[i]), 10)
	}
	return append(b, ']')
}

func (v *Value) appendJSONScalar(b []byte) []byte {
	switch v.Kind {
	case KindBool:
		return strconv.AppendBool(b, v.lo != 0)
	case KindEnum:
		if v.text != "" {
			return appendJSONString(b, v.text)
		}
	case KindPointer:
		b = append(b, '"')
		b = v.appendScalar(b)
		return append(b, '"')
	case KindFloat:
		f := math.Float64frombits(v.lo)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			b = append(b, '"')
			b = v.appendFloat(b)
			return append(b, '"')
		}
		return v.appendFloat(b)
	}
	if n, ok := v.Int(); ok && n >= -maxExact && n <= maxExact {
		return strconv.AppendInt(b, n, 10)
	}
	b = append(b, '"')
	b = v.appendInteger(b)
	return append(b, '"')
}

// appendJSONString escapes more than JSON asks for: JSON lines are also read on
// terminals. Bytes that are not UTF-8 become \xNN in the string's content.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == utf8.RuneError && n == 1:
			b = append(b, `\\x`...)
			b = append(b, "0123456789abcdef"[s[0]>>4], "0123456789abcdef"[s[0]&15])
		case strconv.IsPrint(r):
			b = append(b, s[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendUnicode(appendUnicode(b, high), low)
		default:
			b = appendUnicode(b, r)
		}
		s = s[n:]
	}
	return append(b, '"')
}

func appendUnicode(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
