package btfvalue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxLiteral bounds the text that Parse takes, in bytes.
const maxLiteral = 1 << 20

// A literal is a value as text, before a type gives it meaning.
type literal struct {
	form  byte   // 0 bare word, '"' quoted, '[' list, '{' members
	text  string // of words and quoted text
	keys  []string
	items []literal
}

type literalReader struct {
	text string
	at   int
}

func (r *literalReader) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", r.at, fmt.Sprintf(format, args...))
}

// readLiteral reads JSON and its C-like relatives: bare words, .member = value.
func readLiteral(text string) (literal, error) {
	r := &literalReader{text: text}
	l, err := r.read(defaultDepth)
	if err != nil {
		return literal{}, err
	}
	if r.blank(); r.at < len(text) {
		return literal{}, r.errorf("%q is left over", text[r.at:min(len(text), r.at+20)])
	}
	return l, nil
}

func (r *literalReader) blank() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

// next skips blanks and takes c if it is there.
func (r *literalReader) next(c byte) bool {
	r.blank()
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *literalReader) read(depth int) (literal, error) {
	if depth == 0 {
		return literal{}, r.errorf("nested deeper than %d levels", defaultDepth)
	}
	r.blank()
	if r.at == len(r.text) {
		return literal{}, r.errorf("a value is missing")
	}
	switch c := r.text[r.at]; c {
	case '[':
		r.at++
		return r.list(']', depth)
	case '{':
		r.at++
		return r.list('}', depth)
	case '"':
		s, err := r.quoted()
		return literal{form: '"', text: s}, err
	default:
		word := r.word(",]}")
		if word == "" {
			return literal{}, r.errorf("a value is missing before %q", c)
		}
		return literal{text: word}, nil
	}
}

func (r *literalReader) list(end byte, depth int) (literal, error) {
	l := literal{form: end - 2} // '[' and '{' stand two before ']' and '}'
	for !r.next(end) {
		if len(l.items) > 0 && !r.next(',') {
			return l, r.errorf("expected ',' or %q", end)
		}
		if len(l.items) > 0 && r.next(end) {
			return l, nil // C and people leave a comma at the end
		}
		if end == '}' {
			key, err := r.key()
			if err != nil {
				return l, err
			}
			l.keys = append(l.keys, key)
		}
		item, err := r.read(depth - 1)
		if err != nil {
			return l, err
		}
		l.items = append(l.items, item)
	}
	return l, nil
}

// key reads name: "name": .name =
func (r *literalReader) key() (key string, err error) {
	r.blank()
	if r.at < len(r.text) && r.text[r.at] == '"' {
		key, err = r.quoted()
	} else {
		key = strings.TrimPrefix(r.word(":=,]}"), ".")
	}
	if err == nil && !r.next(':') && !r.next('=') {
		err = r.errorf("expected a member's name and ':'")
	}
	return key, err
}

// word reads up to one of the stops. Characters in single quotes are part of it.
func (r *literalReader) word(stops string) string {
	from := r.at
	for r.at < len(r.text) && strings.IndexByte(stops, r.text[r.at]) < 0 {
		if r.text[r.at] == '\'' {
			if n := charLiteral(r.text[r.at:]); n > 0 {
				r.at += n
				continue
			}
		}
		r.at++
	}
	return strings.TrimSpace(r.text[from:r.at])
}

// charLiteral returns the length of the literal that s begins with, or 0.
func charLiteral(s string) int {
	_, _, rest, err := strconv.UnquoteChar(s[1:], '\'')
	if err != nil || rest == "" || rest[0] != '\'' {
		return 0
	}
	return len(s) - len(rest) + 1
}

func (r *literalReader) quoted() (string, error) {
	end := r.at + 1
	for end < len(r.text) && r.text[end] != '"' {
		if r.text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(r.text) {
		return "", r.errorf("the text that begins here has no closing quote")
	}
	s, ok := unquote(r.text[r.at : end+1])
	if !ok {
		return "", r.errorf("%s is not text in quotes with escapes such as \\n, \\x1b or \\u00e9", r.text[r.at:end+1])
	}
	r.at = end + 1
	return s, nil
}

// unquote takes Go's escapes, which include C's, and JSON's.
func unquote(s string) (string, bool) {
	if text, err := strconv.Unquote(s); err == nil {
		return text, true
	}
	var text string
	err := json.Unmarshal([]byte(s), &text)
	return text, err == nil
}
