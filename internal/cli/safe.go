package cli

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// safeWriter lets nothing through to a terminal that could steer it: names in
// an object and all that a machine sends are hostile. Colours of ours pass.
type safeWriter struct {
	w      io.Writer
	colour bool
}

// ownColours are the sequences that paint makes.
var ownColours = regexp.MustCompile(`\x1b\[(0|` + strings.Join([]string{roleTitle, roleFaint, roleBad, roleGood, roleWarn, roleValue}, "|") + `)m`)

func (s safeWriter) Write(p []byte) (int, error) {
	var out strings.Builder
	text := string(p)
	if s.colour {
		for at := ownColours.FindStringIndex(text); at != nil; at = ownColours.FindStringIndex(text) {
			out.WriteString(printableLines(text[:at[0]]))
			out.WriteString(text[at[0]:at[1]])
			text = text[at[1]:]
		}
	}
	out.WriteString(printableLines(text))
	if _, err := io.WriteString(s.w, out.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printable makes foreign text one line that is safe for a terminal.
func printable(text string) string {
	safe := func(r rune) bool { return r != utf8.RuneError && (unicode.IsPrint(r) || r == '\t') }
	if strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if safe(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.Quote(text[i : i+size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// printableLines is printable for text with line breaks.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}
