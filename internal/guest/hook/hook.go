//go:build linux

// Package hook knows which hooks the running kernel has, to name the nearest
// ones when a program asks for one that is not there.
package hook

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/skep-dev/skep/internal/guest/rawbtf"
)

const tracefs = "/sys/kernel/tracing"

// A Family is a set of hooks with names.
type Family struct {
	// Noun says what one is: "tracepoint".
	Noun string
	// Names lists them.
	Names func() []string
}

// The families, by what they are attached to.
var (
	Functions   = Family{"function", functions}
	Tracepoints = Family{"tracepoint", tracepoints}
	Raw         = Family{"raw tracepoint", prefixed(rawbtf.KindTypedef, "btf_trace_")}
	LSM         = Family{"LSM hook", prefixed(rawbtf.KindFunc, "bpf_lsm_")}
	Iterators   = Family{"iterator", prefixed(rawbtf.KindFunc, "bpf_iter_")}
)

// Of gives the family that a program with a target in BTF attaches to.
func Of(spec *ebpf.ProgramSpec) Family {
	switch {
	case spec.Type == ebpf.LSM:
		return LSM
	case spec.AttachType == ebpf.AttachTraceIter:
		return Iterators
	case spec.AttachType == ebpf.AttachTraceRawTp:
		return Raw
	}
	return Functions
}

// functions are those that ftrace, and so kprobes and fentry, can attach to.
func functions() []string {
	file, err := os.Open(filepath.Join(tracefs, "available_filter_functions"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var names []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		// "name" or "name [module]"
		name, _, _ := strings.Cut(lines.Text(), " ")
		names = append(names, name)
	}
	return names
}

// Match gives the functions that a pattern with * and ? stands for.
func Match(pattern string) []string {
	var names []string
	for _, name := range functions() {
		if ok, _ := filepath.Match(pattern, name); ok {
			names = append(names, name)
		}
	}
	return names
}

func tracepoints() []string {
	file, err := os.Open(filepath.Join(tracefs, "available_events"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var names []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		names = append(names, strings.Replace(lines.Text(), ":", "/", 1))
	}
	return names
}

// prefixed lists the kernel's types of a kind whose names begin so, without
// that beginning.
func prefixed(kind int, prefix string) func() []string {
	return func() []string {
		types, err := os.ReadFile("/sys/kernel/btf/vmlinux")
		if err != nil {
			return nil
		}
		blob, err := rawbtf.Parse(types, binary.NativeEndian)
		if err != nil {
			return nil
		}
		var names []string
		_ = blob.Walk(func(k int, name []byte, _ uint64) {
			if k == kind && len(name) > len(prefix) && string(name[:len(prefix)]) == prefix {
				names = append(names, string(name[len(prefix):]))
			}
		})
		return names
	}
}

// Suggest makes "; the nearest are …" out of the names nearest to wanted, or
// nothing if none is near.
func Suggest(wanted string, names []string) string {
	near := Nearest(wanted, names, 3)
	if len(near) == 0 {
		return ""
	}
	return "; the nearest are " + strings.Join(near, ", ")
}

// Nearest gives up to n names that are most like wanted: by edit distance,
// names that contain it or are contained first.
func Nearest(wanted string, names []string, n int) []string {
	type scored struct {
		name  string
		score int
	}
	var near []scored
	limit := max(2, len(wanted)/3)
	for _, name := range names {
		switch {
		case strings.Contains(name, wanted):
			near = append(near, scored{name, len(name) - len(wanted) - 1000})
		case len(name) > 4 && strings.Contains(wanted, name):
			near = append(near, scored{name, len(wanted) - len(name) - 500})
		default:
			if d := distance(wanted, name, limit); d <= limit {
				near = append(near, scored{name, d})
			}
		}
	}
	slices.SortFunc(near, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
	})
	var out []string
	for _, s := range near {
		if len(out) == n {
			break
		}
		if !slices.Contains(out, s.name) {
			out = append(out, s.name)
		}
	}
	return out
}

// distance is Levenshtein's, given up beyond limit.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal, least := row[0], i
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := diagonal
			if a[i-1] != b[j-1] {
				replace++
			}
			diagonal = row[j]
			row[j] = min(replace, row[j]+1, row[j-1]+1)
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
