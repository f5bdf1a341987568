// Package nearest finds the names that a person may have meant by one that
// does not exist.
package nearest

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxWord is the longest word that is looked for, in bytes: the effort grows
// with its square.
const maxWord = 128

// Names gives at most count of the candidates, best first: those that differ
// from word by few edits, whatever their case, or else those that contain it,
// the shortest first. The order of candidates does not matter.
func Names(word string, candidates iter.Seq[string], count int) []string {
	if word == "" || len(word) > maxWord {
		return nil
	}
	type candidate struct {
		name   string
		rank   int
		prefix int // bytes at its start that are as in word
	}
	var close, containing []candidate
	limit := len(word)/3 + 1
	lower := strings.ToLower(word)
	for name := range candidates {
		if name == "" {
			continue
		}
		if difference := len(name) - len(word); difference <= limit && -difference <= limit {
			if d := edits(lower, strings.ToLower(name)); d <= limit && 2*d < len(word) {
				close = append(close, candidate{name, d, common(word, name)})
				continue
			}
		}
		if len(word) >= 3 && len(close) == 0 && strings.Contains(name, word) {
			containing = append(containing, candidate{name, len(name), 0})
		}
	}
	best := close
	if len(best) == 0 {
		best = containing
	}
	slices.SortFunc(best, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.prefix, a.prefix), cmp.Compare(a.name, b.name))
	})
	best = slices.Compact(best)
	var names []string
	for _, c := range best[:min(count, len(best))] {
		names = append(names, c.name)
	}
	return names
}

// edits is Levenshtein's distance, but two letters that were swapped are one
// mistake.
func edits(a, b string) int {
	if len(a) == len(b) {
		i := common(a, b)
		if i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:] {
			return 1
		}
	}
	return levenshtein.ComputeDistance(a, b)
}

// common is how many bytes two words have in common at their start.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
