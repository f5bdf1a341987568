package bpffacts

import (
	"fmt"
	"slices"
	"strings"
)

// A Context is what the parameter of a program may point to.
type Context struct {
	// Type is the C type to write: "struct xdp_md". Empty if it depends on
	// what only the author knows.
	Type string
	// Others are further types that do.
	Others []string
	// Macro of libbpf's headers that gives the program typed arguments instead
	// (bpf_tracing.h, usdt.bpf.h): "BPF_PROG".
	Macro string
	// Any says that structs of the author's own are common: the rest of the
	// arguments of a tracepoint, of a syscall program.
	Any bool
	// Note explains what the type cannot say.
	Note string
}

// u64s are the contexts that are arrays of arguments.
var u64s = []string{"unsigned long long", "__u64", "u64", "unsigned long", "long", "long long", "__s64"}

// Context gives what programs of a section get on this kernel. The target is
// what the section's name has behind the kind. ok is false if nothing is known
// of them.
func (k *Kernel) Context(s Section, target string) (c Context, ok bool) {
	if c, ok := k.tracingContext(s, target); ok {
		return c, true
	}
	t, ok := k.Contexts[s.ProgramType]
	if !ok {
		// A program type that this kernel lacks: the newest has it.
		newest, _ := FindKernel("")
		if t, ok = newest.Contexts[s.ProgramType]; !ok {
			return Context{}, false
		}
	}
	return Context{Type: t}, true
}

// tracingContext knows what struct bpf_ctx_convert does not tell, because it
// is not one type (btf_validate_prog_ctx_type in kernel/bpf/btf.c, and the
// macros of libbpf's headers).
func (k *Kernel) tracingContext(s Section, target string) (Context, bool) {
	switch s.ProgramType {
	case "KPROBE":
		return kprobeContext(s), true
	case "TRACEPOINT":
		return k.tracepointContext(target), true
	case "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE":
		return Context{Type: "struct bpf_raw_tracepoint_args", Others: u64s, Note: "args[] are the arguments of the tracepoint's TP_PROTO"}, true
	case "TRACING":
		if s.AttachType == "BPF_TRACE_ITER" {
			return iteratorContext(target), true
		}
		return arguments(s), true
	case "LSM", "STRUCT_OPS":
		return arguments(s), true
	case "EXT":
		return Context{Any: true, Note: "it has the parameters of the function that it replaces"}, true
	case "SYSCALL":
		return Context{Type: "void", Any: true, Note: "it is whatever the process passes as ctx_in"}, true
	case "LIRC_MODE2": // absent from struct bpf_ctx_convert without CONFIG_BPF_LIRC_MODE2
		return Context{Type: "unsigned int", Others: []string{"__u32", "u32"}}, true
	}
	return Context{}, false
}

func kprobeContext(s Section) Context {
	c := Context{Type: "struct pt_regs", Others: []string{"bpf_user_pt_regs_t", "struct user_pt_regs", "struct user_regs_struct"}}
	kind := strings.TrimSuffix(s.Kind(), ".s")
	switch {
	case kind == "usdt":
		c.Macro = "BPF_USDT"
	case kind == "ksyscall":
		c.Macro = "BPF_KSYSCALL"
	case kind == "uprobe" || kind == "uprobe.multi" || kind == "uprobe.session":
		c.Macro = "BPF_UPROBE"
	case kind == "uretprobe" || kind == "uretprobe.multi":
		c.Macro = "BPF_URETPROBE"
	case strings.HasPrefix(kind, "kret"):
		c.Macro = "BPF_KRETPROBE"
	default:
		c.Macro = "BPF_KPROBE"
	}
	return c
}

// eventPrefix begins the names of the structs of tracepoints.
const eventPrefix = "struct trace_event_raw_"

func (k *Kernel) tracepointContext(target string) Context {
	return Context{
		Type: k.eventStruct(target), Any: true,
		Note: "it begins with 8 bytes that every event has; the rest is what the event's format file in tracefs says",
	}
}

func iteratorContext(target string) Context {
	c := Context{Note: "its members are pointers that may be NULL in the last call"}
	if target != "" {
		c.Type = "struct bpf_iter__" + target
	}
	return c
}

func arguments(s Section) Context {
	c := Context{Type: "unsigned long long", Others: u64s[1:], Macro: "BPF_PROG", Note: "it is an array of the arguments, of 8 bytes each"}
	switch strings.TrimSuffix(s.Kind(), ".s") {
	case "fexit", "fsession", "fmod_ret":
		c.Note += ", and behind them what the function returned"
	case "tp_btf":
		c.Note += ", those of the tracepoint's TP_PROTO"
	}
	return c
}

// Fits says whether a program of a section may declare its parameter as a
// pointer to a type, written as in C without the asterisk. Only what is sure to
// be a mistake does not fit: a context that only other programs have. The
// sentence says why, and what it has to be.
func (k *Kernel) Fits(s Section, target, typeName string) (ok bool, why string) {
	typeName = strings.Join(strings.Fields(strings.TrimPrefix(strings.TrimSpace(typeName), "const ")), " ")
	c, known := k.Context(s, target)
	if !known || typeName == "" || typeName == "void" || typeName == "char" || typeName == c.Type || slices.Contains(c.Others, typeName) {
		return true, ""
	}
	if s.ProgramType == "TRACEPOINT" && strings.HasPrefix(typeName, eventPrefix) {
		return true, "" // several events share one
	}
	owners := k.contextOf(typeName)
	if len(owners) == 0 {
		// Unknown structs are a mistake only where there is one that is right.
		if c.Any || c.Macro != "" || c.Type == "" || !strings.HasPrefix(typeName, "struct ") || s.ProgramType == "RAW_TRACEPOINT" {
			return true, ""
		}
		return false, fmt.Sprintf("programs of SEC(%q) get a %s *, not a %s *", s.Kind(), c.Type, typeName)
	}
	if s.ProgramType == "EXT" || s.ProgramType == "SYSCALL" {
		return true, ""
	}
	wanted := c.Type + " *"
	switch {
	case c.Macro != "" && s.ProgramType != "KPROBE":
		wanted = "their arguments (" + c.Macro + "), or an " + c.Type + " *"
	case c.Type == "":
		wanted = "something else"
	}
	return false, fmt.Sprintf("%s * is what %s programs get; those of SEC(%q) get %s",
		typeName, strings.Join(owners, " and "), s.Kind(), wanted)
}

// contextOf gives the names of the program types whose context a type is.
func (k *Kernel) contextOf(typeName string) []string {
	var owners []string
	for _, t := range ProgramTypes() {
		c, ok := k.Context(Section{ProgramType: t.Name, Pattern: t.Libbpf}, "")
		if ok && c.Type == typeName && c.Macro == "" || ok && typeName == "struct pt_regs" && t.Name == "KPROBE" {
			owners = append(owners, t.Libbpf)
		}
	}
	if len(owners) > 3 {
		owners = append(owners[:3:3], "similar")
	}
	switch {
	case strings.HasPrefix(typeName, "struct bpf_iter__"):
		return []string{"iter"}
	case strings.HasPrefix(typeName, eventPrefix):
		return []string{"tracepoint"}
	}
	return owners
}
