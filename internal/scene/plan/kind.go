package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// A Checker is the arguments of a kind that have rules beyond their types.
type Checker interface{ Check() error }

// kinds maps a step kind's name to the type of its arguments. Files of this
// package add to it while it is initialised.
var kinds = map[string]reflect.Type{}

// kind declares a step kind whose arguments are a T.
//
// Fields use the tag json for their name in scenes and on the way to the
// guest, and the tag scene for rules: required; name (letters, digits, - and
// _); min=, max= (of a number, or the length of a string in bytes); short
// (the field that a scalar or list in place of the mapping sets); "-" (not for
// scenes).
func kind[T any](name string) struct{} {
	if _, twice := kinds[name]; twice {
		panic("step kind declared twice: " + name)
	}
	kinds[name] = reflect.TypeFor[T]()
	return struct{}{}
}

// Kinds returns the names of all step kinds, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// NewArgs returns a pointer to fresh arguments of a kind, or nil if there is
// no such kind.
func NewArgs(name string) any {
	t, known := kinds[name]
	if !known {
		return nil
	}
	return reflect.New(t).Interface()
}

// SetArgs puts kind and arguments into a step.
func (s *Step) SetArgs(name string, args any) error {
	data, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("encode the arguments of %s: %w", name, err)
	}
	s.Kind, s.Args = name, data
	return nil
}

// Title is how results and messages call a step.
func (s *Step) Title() string {
	if s.Name != "" {
		return s.Name
	}
	if s.Kind == "" {
		return "parallel"
	}
	return s.Kind
}
