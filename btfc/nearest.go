package btfc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
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

// nearest finds up to three names that a person may have meant by name. Only types
// that fit are considered.
func nearest(spec *btf.Spec, name string, fits func(btf.Type) bool) []string {
	if name == "" || len(name) > maxName {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	limit := max(2, len(name)/3)
	var found []candidate
	seen := make(map[string]bool)
	for t, err := range spec.All() {
		if err != nil {
			break
		}
		n := t.TypeName()
		if n == "" || seen[n] || !fits(t) {
			continue
		}
		seen[n] = true
		if diff := len(n) - len(name); diff > limit || -diff > limit {
			continue
		}
		if d := distance(name, n); d <= limit {
			found = append(found, candidate{n, d})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range found[:min(3, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// distance is the Levenshtein distance between a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
