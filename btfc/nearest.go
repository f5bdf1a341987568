package btfc

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/nearest"
)

// UnknownTypeError says that a root names no type of the Spec.
type UnknownTypeError struct {
	Name    string   // as it stood in Options.Types
	Nearest []string // at most three existing names that look like it, best first
}

func (e *UnknownTypeError) Error() string {
	if len(e.Nearest) == 0 {
		return fmt.Sprintf("no type %q in the BTF", e.Name)
	}
	return fmt.Sprintf("no type %q in the BTF, did you mean %s?", e.Name, strings.Join(e.Nearest, ", "))
}

// nearestNames finds up to three names that a person may have meant by name. Only
// types that fit are considered.
func nearestNames(spec *btf.Spec, name string, fits func(btf.Type) bool) []string {
	return nearest.Names(name, func(yield func(string) bool) {
		for t, err := range spec.All() {
			if err != nil || (fits(t) && !yield(t.TypeName())) {
				return
			}
		}
	}, 3)
}
