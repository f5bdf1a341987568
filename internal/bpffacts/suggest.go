package bpffacts

import (
	"fmt"
	"strings"
)

// An UnknownSection says why libbpf does not load a program of that section.
type UnknownSection struct {
	Name string
	// Nearest is a name that libbpf knows, or empty. One that ends in a slash
	// wants a target behind it.
	Nearest string
	// Reason completes "SEC("…"): ", and names Nearest.
	Reason string
}

func (e *UnknownSection) Error() string { return fmt.Sprintf("SEC(%q): %s", e.Name, e.Reason) }

// unknownSection finds out what was meant.
func unknownSection(name string) *UnknownSection {
	e := &UnknownSection{Name: name}
	plain := strings.TrimPrefix(name, "?")
	head, rest, slash := strings.Cut(plain, "/")
	for _, explain := range []func(plain, head, rest string, slash bool) (nearest, reason string){
		emptyName, dataName, exactKind, sleepableKind, oldPrefix, misspeltKind,
	} {
		if e.Nearest, e.Reason = explain(plain, head, rest, slash); e.Reason != "" {
			return e
		}
	}
	e.Reason = "libbpf knows no such section; it is the section that says what kind of program this is"
	return e
}

func emptyName(plain, _, _ string, _ bool) (string, string) {
	if plain != "" {
		return "", ""
	}
	return "", "the name is empty; it is the section that says what kind of program this is"
}

// dataName is for functions in sections that hold other things. Those in
// .text are no programs and never come here.
func dataName(plain, _, _ string, _ bool) (string, string) {
	holds, ok := DataSection(plain)
	if !ok {
		return "", ""
	}
	return "", fmt.Sprintf("this section is not for programs; it holds %s", holds)
}

// exactKind is for names that go on behind a kind that takes nothing, or
// something else.
func exactKind(plain, head, rest string, slash bool) (string, string) {
	if !slash {
		return "", ""
	}
	var siblings []string
	for _, s := range Sections() {
		if strings.HasPrefix(s.Pattern, head+"/") {
			siblings = append(siblings, s.Pattern)
		}
	}
	switch {
	case len(siblings) > 0:
		if nearest := closest(plain, siblings, 3); nearest != "" {
			return nearest, fmt.Sprintf("libbpf knows no such section; did you mean %q?", nearest)
		}
		if isKind(head) {
			return head, fmt.Sprintf("behind %q there can only be: %s; where to attach is up to the program that loads it; write SEC(%q)",
				head+"/", withoutHead(siblings, head), head)
		}
		if len(siblings) <= 4 {
			return siblings[0], fmt.Sprintf("libbpf knows no such section; behind %q there can be: %s", head+"/", withoutHead(siblings, head))
		}
	case isKind(head):
		return head, fmt.Sprintf("nothing may follow %q: where to attach is up to the program that loads it; write SEC(%q)", head, head)
	}
	return "", ""
}

func withoutHead(names []string, head string) string {
	var list []string
	for _, name := range names {
		list = append(list, strings.TrimPrefix(name, head+"/"))
	}
	return strings.Join(list, ", ")
}

func isKind(name string) bool {
	for _, s := range Sections() {
		if s.Kind() == name {
			return true
		}
	}
	return false
}

// sleepableKind is for ".s" behind a kind that cannot sleep.
func sleepableKind(_, head, rest string, slash bool) (string, string) {
	kind, ok := strings.CutSuffix(head, ".s")
	if !ok || !isKind(kind) {
		return "", ""
	}
	nearest := kind
	if slash {
		nearest += "/" + rest
	}
	return nearest, fmt.Sprintf("%s programs cannot sleep; write SEC(%q)", kind, nearest)
}

// oldPrefix is for names such as "xdp_drop" or "classifier2": until 1.0
// libbpf took a name for what it began with.
func oldPrefix(plain, head, rest string, slash bool) (string, string) {
	best := Section{}
	for _, s := range Sections() {
		kind := s.Kind()
		follows, ok := strings.CutPrefix(head, kind)
		if !ok || follows == "" || len(kind) <= len(best.Kind()) {
			continue
		}
		if c := follows[0]; c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' {
			best = s
		}
	}
	if best.Pattern == "" {
		return "", ""
	}
	kind := best.Kind()
	if best.Extra() == ExtraNone {
		return kind, fmt.Sprintf("since 1.0 libbpf wants the exact name; write SEC(%q)", kind)
	}
	nearest := kind + "/"
	if slash {
		nearest += rest
	} else {
		nearest += strings.TrimLeft(strings.TrimPrefix(plain, kind), "_-.")
	}
	return nearest, fmt.Sprintf("libbpf knows no such section; did you mean %q? (%s)", nearest, best.Form())
}

// misspeltKind looks for a kind that is spelt nearly so.
func misspeltKind(plain, head, rest string, slash bool) (string, string) {
	var names, kinds []string
	for _, s := range Sections() {
		if s.Extra() == ExtraNone {
			names = append(names, s.Pattern)
		} else {
			kinds = append(kinds, s.Kind())
		}
	}
	limit := 1 + len(head)/4
	exact := closest(plain, names, limit)
	kind := closest(head, kinds, limit)
	if kind != "" && (exact == "" || distance(head, kind) < distance(plain, exact)) {
		nearest := kind
		if slash {
			nearest += "/" + rest
		}
		return nearest, fmt.Sprintf("libbpf knows no such section; did you mean %q?", nearest)
	}
	if exact != "" {
		return exact, fmt.Sprintf("libbpf knows no such section; did you mean %q?", exact)
	}
	return "", ""
}

// closest gives the name that differs least, and in at most limit letters.
// Of equally near ones it is the first.
func closest(name string, names []string, limit int) string {
	best, least := "", limit+1
	for _, candidate := range names {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace, or swap with their
// neighbour (optimal string alignment), without regard to case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if len(a) > maxCompared || len(b) > maxCompared {
		return len(a) + len(b)
	}
	var before, last, row [maxCompared + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// maxCompared bounds the names that are compared: none that is known is
// longer.
const maxCompared = 64
