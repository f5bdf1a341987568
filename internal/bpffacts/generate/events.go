package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/bpffacts"
	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
)

const eventPrefix = "trace_event_raw_"

// eventClasses finds for each tracepoint the struct in the kernel's BTF that
// has its fields, and gives those that are not named after it.
func eventClasses(spec *btf.Spec, events []probe.Event) (map[string]string, error) {
	layouts := make(map[string][]string) // fields to the names of structs
	named := make(map[string]string)     // the other way round
	for t, err := range spec.All() {
		if err != nil {
			return nil, err
		}
		s, ok := t.(*btf.Struct)
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(s.Name, eventPrefix); ok {
			key := layout(s)
			if named[name] == "" {
				layouts[key] = append(layouts[key], name)
			}
			named[name] = key
		}
	}
	classes := make(map[string]string)
	for _, e := range events {
		category, name, _ := strings.Cut(e.Name, "/")
		key := strings.Join(e.Fields, " ")
		candidates := layouts[key]
		if category == "syscalls" || len(candidates) == 0 || slices.Contains(candidates, name) {
			continue
		}
		classes[e.Name] = mostAlike(name, candidates)
	}
	return classes, nil
}

// layout lists the fields of an event's struct as its format file does: behind
// struct trace_entry, and without the data of variable length at its end.
func layout(s *btf.Struct) string {
	var fields []string
	for _, m := range s.Members {
		if m.Name == "ent" || m.Name == "__data" {
			continue
		}
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			return ""
		}
		name := m.Name
		if rest, ok := strings.CutPrefix(name, "__data_loc_"); ok {
			name = rest
		} else if rest, ok := strings.CutPrefix(name, "__rel_loc_"); ok {
			name = rest
		}
		fields = append(fields, fmt.Sprintf("%s:%d:%d", name, m.Offset.Bytes(), size))
	}
	return strings.Join(fields, " ")
}

// mostAlike is the candidate that shares the longest beginning with a name.
func mostAlike(name string, candidates []string) string {
	best, longest := "", -1
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		n := 0
		for n < min(len(name), len(candidate)) && name[n] == candidate[n] {
			n++
		}
		if n > longest {
			best, longest = candidate, n
		}
	}
	return best
}

// addEvents notes the classes of one kernel.
func (g *generator) addEvents(series string, classes map[string]string) {
	for name, class := range classes {
		i := slices.IndexFunc(g.events.Events, func(e bpffacts.Event) bool { return e.Name == name && e.Class == class })
		if i < 0 {
			g.events.Events = append(g.events.Events, bpffacts.Event{Name: name, Class: class, On: []string{series}})
			continue
		}
		g.events.Events[i].On = append(g.events.Events[i].On, series)
	}
	slices.SortFunc(g.events.Events, func(a, b bpffacts.Event) int {
		return strings.Compare(a.Name+" "+a.Class, b.Name+" "+b.Class)
	})
}
