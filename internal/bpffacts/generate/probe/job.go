// Package probe asks a running kernel which functions its verifier lets
// programs call. Its command is the first process of a machine that does
// nothing else.
package probe

// A Job says what to ask. It travels in place of an object.
type Job struct {
	Hooks []Hook
	// Helpers are asked for from 1 up to this number.
	Helpers int
	// Kfuncs are the BTF ids of functions of vmlinux.
	Kfuncs []uint32
}

// A Hook is one way to load a program, as struct bpf_attr has it.
type Hook struct {
	Name        string
	ProgramType uint32
	AttachType  uint32
	Flags       uint32
	// AttachBTF is the id of the function or struct in vmlinux's BTF that the
	// program is for; 0 if its type needs none.
	AttachBTF uint32
}

// An Event is a tracepoint with its fields, each as name, offset and size:
// "prev_pid:24:4".
type Event struct {
	Name   string // category and name: "sched/sched_switch"
	Fields []string
}

// An Answer is what the kernel said about one hook.
type Answer struct {
	Name string
	// Refused is why not even a program that does nothing loads.
	Refused string
	// NeedsGPL says that such a program loads with a GPL-compatible licence
	// only.
	NeedsGPL bool
	// Helpers and Kfuncs are what the verifier said of a program that makes
	// one call: by number, by place in the job. Empty: the program loaded.
	Helpers, Kfuncs []string
}
