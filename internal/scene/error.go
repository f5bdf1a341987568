package scene

import (
	"fmt"
	"strings"
)

// An Error is a mistake in a scene's text.
type Error struct {
	Line, Column int // from 1; 0 where the whole scene is meant
	Message      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

func (n *node) errorf(format string, args ...any) error {
	return &Error{Line: n.line, Column: n.column, Message: fmt.Sprintf(format, args...)}
}

// unknown says that a word is not one of those known, and which it may have
// been meant to be.
func unknown(what, word string, known []string) string {
	message := fmt.Sprintf("unknown %s %q", what, shorten(word))
	if near := nearest(word, known); near != "" {
		return message + fmt.Sprintf(": did you mean %q?", near)
	}
	if len(known) == 0 {
		return message
	}
	return message + ": it is one of " + strings.Join(known, ", ")
}

func shorten(text string) string {
	const limit = 80
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// nearest returns the known word that takes the fewest edits, if they are few
// against the word's length.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, distance := "", len(word)/3+2
	for _, candidate := range known {
		if d := edits(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
