package btfvalue

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// longRun is how many equal neighbours in a list are written out before they
// become "0 ×64".
const longRun = 8

// String writes the value on one line:
//
//	{pid: 42, comm: "bash", kind: EV_EXEC, addr: 0xffff888003a5c000, mac: [02 42 ac 11 00 02]}
//
// Members of a union are separated by " | ". Text with anything but NULs after
// its first NUL ends in \0…, and what the data was too short for is <missing>.
// The result holds printable characters only.
func (v Value) String() string { return string(v.AppendText(nil)) }

// AppendText appends what [Value.String] returns.
func (v *Value) AppendText(b []byte) []byte {
	if v.State == Missing {
		return append(b, "<missing>"...)
	}
	switch v.Kind {
	case KindText:
		return v.appendQuoted(b)
	case KindBytes:
		return v.appendHex(b)
	case KindArray:
		return v.appendList(b)
	case KindStruct, KindUnion, KindDatasec:
		b = append(b, '{')
		b = v.appendMembers(b)
		return append(b, '}')
	case KindOpaque:
		return v.appendOpaque(b)
	default:
		return v.appendScalar(b)
	}
}

// appendScalar writes what text and JSON agree on, apart from quotes.
func (v *Value) appendScalar(b []byte) []byte {
	switch v.Kind {
	case KindBool:
		b = strconv.AppendBool(b, v.lo != 0)
		if v.lo > 1 { // not a value that C allows: worth seeing
			b = append(b, "(0x"...)
			b = strconv.AppendUint(b, v.lo, 16)
			b = append(b, ')')
		}
		return b
	case KindChar:
		if v.lo >= ' ' && v.lo <= '~' {
			return strconv.AppendQuoteRune(b, rune(v.lo))
		}
	case KindEnum:
		if v.text != "" {
			return appendName(b, v.text)
		}
	case KindPointer:
		b = append(b, "0x"...)
		return strconv.AppendUint(b, v.lo, 16)
	case KindFloat:
		return v.appendFloat(b)
	}
	return v.appendInteger(b)
}

func (v *Value) appendInteger(b []byte) []byte {
	if n, ok := v.Int(); ok {
		return strconv.AppendInt(b, n, 10)
	}
	if v.hi == 0 {
		return strconv.AppendUint(b, v.lo, 10)
	}
	return wide(v.hi, v.lo, v.signed).Append(b, 10)
}

// appendFloat writes the shortest text that reads back as the same number of
// the same size.
func (v *Value) appendFloat(b []byte) []byte {
	bits := 64
	if v.Size <= 32 {
		bits = 32
	}
	return strconv.AppendFloat(b, math.Float64frombits(v.lo), 'g', -1, bits)
}

func (v *Value) appendQuoted(b []byte) []byte {
	s, rest := v.cString()
	b = strconv.AppendQuote(b, s)
	if rest != "" {
		b = append(b[:len(b)-1], `\0…"`...)
	}
	return v.appendAbsent(b, v.Size/8-uint64(len(v.text)), "bytes")
}

func (v *Value) appendHex(b []byte) []byte {
	b = append(b, '[')
	for i := 0; i < len(v.text); {
		run := i
		for run < len(v.text) && v.text[run] == v.text[i] {
			run++
		}
		shown := run - i
		if shown > longRun {
			shown = 1
		}
		for range shown {
			if b[len(b)-1] != '[' {
				b = append(b, ' ')
			}
			b = append(b, "0123456789abcdef"[v.text[i]>>4], "0123456789abcdef"[v.text[i]&15])
		}
		if run-i > shown {
			b = appendTimes(b, run-i)
		}
		i = run
	}
	b = append(b, ']')
	if s, ok := v.looksLikeText(); ok {
		b = append(b, ' ')
		b = strconv.AppendQuote(b, s)
	}
	return v.appendAbsent(b, v.Size/8-uint64(len(v.text)), "bytes")
}

// looksLikeText finds strings in arrays of unsigned char, which programs use
// for names as often as for addresses: printable ASCII, then NULs only.
func (v *Value) looksLikeText() (string, bool) {
	s, rest := v.cString()
	if len(s) < 2 || len(s) == len(v.text) || rest != "" {
		return "", false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "", false
		}
	}
	return s, true
}

func (v *Value) appendList(b []byte) []byte {
	b = append(b, '[')
	var last []byte // the run's text, a part of b
	run := 0
	flush := func() {
		if run > longRun {
			b = appendTimes(b, run)
			return
		}
		for range run - 1 {
			b = append(b, ", "...)
			b = append(b, last...)
		}
	}
	for i := range v.Children {
		start := len(b)
		b = v.Children[i].AppendText(b)
		if run > 0 && bytes.Equal(b[start:], last) {
			b = b[:start]
			run++
			continue
		}
		next := bytes.Clone(b[start:])
		b = b[:start]
		flush()
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, next...)
		last, run = next, 1
	}
	flush()
	b = v.appendOmitted(b, len(v.Children) > 0)
	b = append(b, ']')
	return v.appendAbsent(b, v.absent, "elements")
}

// appendMembers writes the members without braces, so that those of anonymous
// ones stand among those of the value around them. In a union an anonymous
// struct keeps its braces: its members belong together.
func (v *Value) appendMembers(b []byte) []byte {
	separator := ", "
	if v.Kind == KindUnion {
		separator = " | "
	}
	first := true
	for i := 0; i < len(v.Children); i++ {
		c := &v.Children[i]
		if c.anonymous() && len(c.Children) == 0 && c.Omitted == 0 {
			continue
		}
		if !first {
			b = append(b, separator...)
		}
		first = false
		if n := v.missingFrom(i); n > 1 {
			b = append(b, '<')
			b = strconv.AppendInt(b, int64(n), 10)
			b = append(b, " members missing>"...)
			i += n - 1
			continue
		}
		if c.anonymous() && (v.Kind != KindUnion || c.Kind == KindUnion) {
			b = c.appendMembers(b)
			continue
		}
		if c.Name != "" {
			b = appendName(b, c.Name)
			b = append(b, ": "...)
		}
		b = c.AppendText(b)
	}
	return v.appendOmitted(b, !first)
}

// missingFrom counts the members from index i on which are missing.
func (v *Value) missingFrom(i int) int {
	n := 0
	for i+n < len(v.Children) && v.Children[i+n].State == Missing {
		n++
	}
	return n
}

func (v *Value) appendOmitted(b []byte, comma bool) []byte {
	if v.Omitted == 0 {
		return b
	}
	if comma {
		b = append(b, ", "...)
	}
	b = append(b, '<')
	b = strconv.AppendUint(b, v.Omitted, 10)
	return append(b, " not shown>"...)
}

func (v *Value) appendAbsent(b []byte, n uint64, what string) []byte {
	if n == 0 {
		return b
	}
	b = append(b, " <"...)
	b = strconv.AppendUint(b, n, 10)
	b = append(b, ' ')
	b = append(b, what...)
	return append(b, " missing>"...)
}

func (v *Value) appendOpaque(b []byte) []byte {
	b = append(b, '<')
	b = append(b, printable(v.TypeName())...)
	if v.text != "" {
		b = append(b, ": "...)
		b = v.appendHex(b)
	}
	return append(b, '>')
}

func appendTimes(b []byte, n int) []byte {
	b = append(b, " ×"...)
	return strconv.AppendInt(b, int64(n), 10)
}

// appendName writes names of C as they are and quotes all others.
func appendName(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		if c < utf8.RuneSelf && c != '_' && c != '.' && c != '$' && c != '|' &&
			(c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') || c >= utf8.RuneSelf {
			return strconv.AppendQuote(b, name)
		}
	}
	return append(b, name...)
}

// printable escapes what a terminal might act upon.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			q := strconv.Quote(s)
			return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
		}
	}
	return s
}
