package scene

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skep-dev/skep/internal/nearest"
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
	if near := nearest.Names(word, slices.Values(known), 1); len(near) > 0 {
		return message + fmt.Sprintf(": did you mean %q?", near[0])
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
