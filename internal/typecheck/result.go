package typecheck

import "fmt"

// Severity of a diagnostic.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Unknown says what kind of name is not known.
type Unknown string

// Kinds of unknown names. A tag is what comes behind struct, union or enum.
const (
	UnknownName     Unknown = "name"
	UnknownFunction Unknown = "function"
	UnknownType     Unknown = "type"
	UnknownMember   Unknown = "member"
	UnknownTag      Unknown = "tag"
)

// Diagnostic is one thing that the checker has to say.
type Diagnostic struct {
	// Lines and columns count from 1, columns in bytes; the end is the place after the last byte.
	Line      int      `json:"line"`
	Column    int      `json:"column"`
	EndLine   int      `json:"end_line"`
	EndColumn int      `json:"end_column"`
	Severity  Severity `json:"severity"`
	Message   string   `json:"message"`
	// Unknown is set if Name is not known, or lacks a header.
	Unknown Unknown `json:"unknown,omitempty"`
	Name    string  `json:"name,omitempty"`
	// Suggestion is the nearest name that is known, if one is near.
	Suggestion string `json:"suggestion,omitempty"`
}

// Result is what came of a check.
type Result struct {
	// Diagnostics in the order of the source.
	Diagnostics []Diagnostic `json:"diagnostics"`
	// More tells that there are more errors than are listed.
	More bool `json:"more,omitempty"`
	// Types are those that the source names or whose members it uses.
	Types []Type `json:"types,omitempty"`
	// Calls are the calls of functions by name.
	Calls []Use `json:"calls,omitempty"`
	// Functions are those that the source defines.
	Functions []Use `json:"functions,omitempty"`
}

// Use is a place where a function is called or defined.
type Use struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Name    string `json:"name"`
	Section string `json:"section,omitempty"`
}

// Type is a type that the source names.
type Type struct {
	// Line and Column are where that is first.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Name is that of a typedef or a tag.
	Name    string `json:"name"`
	Typedef bool   `json:"typedef,omitempty"`
	Shape
}

// Shape is what a type is made of.
type Shape struct {
	// Type is the type in C's words.
	Type string `json:"type"`
	// Kind is array, pointer, function, struct, union, enum, integer, bool, float or void.
	Kind string `json:"kind"`
	// Size and Align in bytes. No size: the type is incomplete.
	Size   *int64 `json:"size,omitempty"`
	Align  int    `json:"align,omitempty"`
	Signed *bool  `json:"signed,omitempty"`
	// Count of an array's elements, -1 if it is open.
	Count *int64 `json:"count,omitempty"`
	// Of is what an array or a pointer is of.
	Of *Shape `json:"of,omitempty"`
	// Tag of a struct, union or enum. The members of one inside of another type are there if it has none.
	Tag     string   `json:"tag,omitempty"`
	Members []Member `json:"members,omitempty"`
	// Values of an enum, as decimal numbers.
	Values map[string]string `json:"values,omitempty"`
}

// Member is a member of a struct or union. One without a name is a struct or union whose members are used as if
// they were of the outer one.
type Member struct {
	Name string `json:"name"`
	// Offset in bytes of the member, or of what holds a bit-field.
	Offset int64 `json:"offset"`
	// Bits of a bit-field, and the first of them in what holds it.
	Bit  int `json:"bit,omitempty"`
	Bits int `json:"bits,omitempty"`
	Shape
}

// Errors counts the errors.
func (r *Result) Errors() int {
	n := 0
	for _, d := range r.Diagnostics {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

func tooLarge(size int) *Result {
	return &Result{Diagnostics: []Diagnostic{{
		Line: 1, Column: 1, EndLine: 1, EndColumn: 2, Severity: Error,
		Message: fmt.Sprintf("the source has %d bytes; at most %d are checked", size, SourceMax),
	}}}
}
