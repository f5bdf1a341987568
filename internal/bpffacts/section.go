package bpffacts

import "strings"

// A Section is a kind of section name that libbpf knows: an entry of
// section_defs in libbpf.c.
type Section struct {
	// Pattern as libbpf writes it. "xdp" stands for itself alone. "kprobe+" is
	// "kprobe" or "kprobe/" and more (sec_def_matches in libbpf.c).
	Pattern string `json:"pattern"`
	// ProgramType without BPF_PROG_TYPE_: "XDP".
	ProgramType string `json:"type"`
	// AttachType is the expected one: "BPF_XDP". Empty if there is none.
	AttachType string `json:"attach,omitempty"`
	// AttachTypeOptional says that libbpf leaves the expected attach type out
	// on kernels that do not know such.
	AttachTypeOptional bool `json:"attach_optional,omitempty"`
	// AttachBTF says that the program is for one thing in the kernel's BTF,
	// which the section has to name: without it libbpf cannot load it.
	AttachBTF bool `json:"btf,omitempty"`
	Sleepable bool `json:"sleepable,omitempty"`
	// Frags says that the program takes XDP frames of several buffers.
	Frags bool `json:"frags,omitempty"`
	// AttachFunction is libbpf's that attaches such a program by itself.
	AttachFunction string `json:"by,omitempty"`
	// Remark is libbpf's own, Deprecated whether it says so.
	Remark     string `json:"remark,omitempty"`
	Deprecated bool   `json:"deprecated,omitempty"`
	// Libbpf is the oldest version in Debian's suites that has it: "1.1".
	Libbpf string `json:"libbpf"`
}

// SectionTable is the content of SectionsFile.
type SectionTable struct {
	Libbpf   string    `json:"libbpf"` // the version that the list is of
	Sections []Section `json:"sections"`
}

var sectionTable = table[SectionTable](SectionsFile)

// Sections are all that libbpf knows, in its order: the first that matches a
// name is meant.
func Sections() []Section { return sectionTable().Sections }

// Extra says whether a section name goes on behind its kind.
type Extra int

// What may follow the kind.
const (
	ExtraNone     Extra = iota // nothing: SEC("xdp")
	ExtraOptional              // a slash and a target, or nothing: libbpf then attaches nothing by itself
	ExtraRequired              // a slash and a target
)

// Extra says what follows the kind in the name of a program's section.
func (s Section) Extra() Extra {
	switch {
	case s.AttachBTF:
		return ExtraRequired
	case strings.HasSuffix(s.Pattern, "+"):
		return ExtraOptional
	}
	return ExtraNone
}

// Kind is the name without what follows: "kprobe".
func (s Section) Kind() string { return strings.TrimSuffix(s.Pattern, "+") }

// forms are how the target behind a kind is written, by the libbpf function
// that parses it (attach_kprobe and so on in libbpf.c).
var forms = map[string]string{
	"attach_kprobe":         "FUNCTION[+OFFSET]",
	"attach_ksyscall":       "SYSCALL",
	"attach_kprobe_multi":   "PATTERN",
	"attach_kprobe_session": "PATTERN",
	"attach_uprobe":         "PATH:FUNCTION[+OFFSET]",
	"attach_uprobe_multi":   "PATH:PATTERN",
	"attach_usdt":           "PATH:PROVIDER:NAME",
	"attach_tp":             "CATEGORY/NAME",
	"attach_raw_tp":         "TRACEPOINT",
	"attach_lsm":            "HOOK",
	"attach_iter":           "ITERATOR",
	"attach_trace":          "FUNCTION",
}

// Form shows how such a section name is written: "kprobe/FUNCTION[+OFFSET]".
func (s Section) Form() string {
	switch {
	case s.Extra() == ExtraNone:
		return s.Pattern
	case s.Kind() == "tp_btf":
		return "tp_btf/TRACEPOINT"
	case s.Kind() == "lsm_cgroup":
		return "lsm_cgroup/HOOK"
	case s.ProgramType == "STRUCT_OPS":
		return s.Kind() + "[/NAME]"
	}
	return s.Kind() + "/" + forms[s.AttachFunction]
}

// matches is sec_def_matches of libbpf.c.
func (s Section) matches(name string) bool {
	kind := s.Kind()
	if kind == s.Pattern {
		return name == s.Pattern
	}
	return name == kind || strings.HasPrefix(name, kind+"/")
}

// FindSection finds the kind of a program's section, and the target behind
// the kind's slash, if there is one. A leading question mark, with which
// libbpf does not load a program unless it is told to, does not count. The
// error is an *UnknownSection.
func FindSection(name string) (s Section, target string, err error) {
	plain := strings.TrimPrefix(name, "?")
	for _, s := range Sections() {
		if s.matches(plain) {
			target := strings.TrimPrefix(strings.TrimPrefix(plain, s.Kind()), "/")
			if s.Extra() == ExtraRequired && target == "" {
				return s, "", &UnknownSection{Name: name, Nearest: s.Kind() + "/", Reason: "it does not say what to attach to; it is written " + s.Form()}
			}
			return s, target, nil
		}
	}
	return Section{}, "", unknownSection(name)
}

// dataSections are those that hold something else than programs
// (bpf_object__elf_collect in libbpf.c, and libbpf_internal.h).
var dataSections = map[string]string{
	"license":           "the licence, a string",
	"version":           "a kernel version, which no kernel looks at since 5.0",
	".maps":             "maps, as structs with __uint and __type",
	".rodata":           "constants, which are set before the program is loaded",
	".data":             "global variables",
	".bss":              "global variables that begin as zero",
	".kconfig":          "values out of the kernel's configuration, which libbpf fills in",
	".ksyms":            "addresses of the kernel, which libbpf fills in",
	".struct_ops":       "a struct of functions that is registered at once",
	".struct_ops.link":  "a struct of functions that is registered by a link",
	".addr_space.1":     "variables in an arena",
	".text":             "functions that programs call",
	"maps":              "maps of the form that libbpf 1.0 took out; put them into .maps",
	"?.struct_ops":      "a struct of functions that is not registered unless it is asked for",
	"?.struct_ops.link": "a struct of functions that is not registered unless it is asked for",
}

// DataSection says what a section holds that is not for programs. ok is false
// if libbpf knows no such section.
func DataSection(name string) (holds string, ok bool) {
	for _, kind := range []string{".data.", ".rodata.", ".bss."} {
		if strings.HasPrefix(name, kind) {
			name = strings.TrimSuffix(kind, ".")
		}
	}
	holds, ok = dataSections[name]
	return holds, ok
}
