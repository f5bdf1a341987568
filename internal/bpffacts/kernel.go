package bpffacts

import (
	"slices"
	"strconv"
	"strings"
)

// A Kernel is what is known of one kernel.
type Kernel struct {
	// Series is what skep calls it: "6.12".
	Series string `json:"series"`
	// Release is the one that was asked.
	Release string `json:"release"`
	// Contexts are the types of contexts by program type without
	// BPF_PROG_TYPE_, for those types that have one of their own (struct
	// bpf_ctx_convert in the kernel's BTF): "struct xdp_md".
	Contexts map[string]string `json:"contexts"`
	// Iterators are what SEC("iter/…") can name in vmlinux: there is a struct
	// bpf_iter__NAME of each.
	Iterators []string `json:"iterators"`
	// Hooks are the kinds of programs that were asked: by what Hook gives for
	// a section.
	Hooks []Hook `json:"hooks"`
	// Sets that hooks refer to: of helpers by number, of kfuncs by place in
	// [Kfuncs].
	HelperSets []Set `json:"helper_sets"`
	KfuncSets  []Set `json:"kfunc_sets"`
}

// A Hook is how one kind of program is treated by one kernel.
type Hook struct {
	// Name is a section's pattern, for struct_ops programs with the struct
	// behind it: "struct_ops+tcp_congestion_ops".
	Name string `json:"name"`
	// Missing is why this kernel loads no such program.
	Missing string `json:"missing,omitempty"`
	// Unattached names the attach type that this kernel lacks, although it
	// loads such a program: BPF_TRACE_KPROBE_SESSION.
	Unattached string `json:"unattached,omitempty"`
	// NeedsGPL says that the program's licence has to be GPL-compatible.
	NeedsGPL bool `json:"gpl,omitempty"`
	// Helpers is the place in HelperSets of those that it may call.
	Helpers int `json:"helpers"`
	// Some is the place in HelperSets of those that it may call depending on
	// what exactly it is attached to.
	Some int `json:"some"`
	// Kfuncs is the place in KfuncSets.
	Kfuncs int `json:"kfuncs"`
}

// KernelTable is the content of KernelsFile, oldest kernel first.
type KernelTable struct {
	Kernels []Kernel `json:"kernels"`
}

var kernelTable = table[KernelTable](KernelsFile)

// Kernels are those that were asked, oldest first.
func Kernels() []Kernel { return kernelTable().Kernels }

// FindKernel gives the facts for a kernel of any version: those of the newest
// one that is not newer, or of the oldest. exact says whether it is the same
// series. The name is a release or a series; "7" is the newest of that major
// version, "latest" and "" the newest of all.
func FindKernel(name string) (k *Kernel, exact bool) {
	list := Kernels()
	newest := &list[len(list)-1]
	if name == "" || name == "latest" {
		return newest, true
	}
	major, minor, whole := parseRelease(name)
	k = &list[0]
	for i := range list {
		a, b, _ := parseRelease(list[i].Series)
		if a < major || a == major && (!whole || b <= minor) {
			k = &list[i]
		}
	}
	a, b, _ := parseRelease(k.Series)
	return k, a == major && (!whole || b == minor)
}

// parseRelease takes the first two numbers. whole says that there are two.
func parseRelease(release string) (major, minor int, whole bool) {
	first, rest, whole := strings.Cut(release, ".")
	major, _ = strconv.Atoi(first)
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		rest = rest[:end]
	}
	minor, _ = strconv.Atoi(rest)
	return major, minor, whole
}

// Hook finds how the kernel treats programs of a section. Target is what the
// section's name has behind the kind; for struct_ops programs the name of the
// struct, if known.
func (k *Kernel) Hook(s Section, target string) (*Hook, bool) {
	name := s.Pattern
	if s.ProgramType == "STRUCT_OPS" && target != "" {
		if h, ok := k.hook(name + target); ok {
			return h, true
		}
	}
	return k.hook(name)
}

func (k *Kernel) hook(name string) (*Hook, bool) {
	i := slices.IndexFunc(k.Hooks, func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return nil, false
	}
	return &k.Hooks[i], true
}

// A Set is a set of small numbers, written as ranges: "1-16,22,25-27".
type Set string

// Has looks a number up.
func (s Set) Has(n int) bool {
	for part := range strings.SplitSeq(string(s), ",") {
		first, last, is := strings.Cut(part, "-")
		if !is {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err == nil && err2 == nil && from <= n && n <= to {
			return true
		}
	}
	return false
}

// NewSet makes a set of numbers in ascending order.
func NewSet(numbers []int) Set {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(numbers[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(numbers[j]))
		}
		i = j + 1
	}
	return Set(b.String())
}
