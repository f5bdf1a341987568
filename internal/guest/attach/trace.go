//go:build linux

package attach

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skep-dev/skep/internal/guest/hook"
)

// tracepoint attaches SEC("tracepoint/GROUP/NAME").
func tracepoint(r Request) ([]Attached, error) {
	group, name, ok := strings.Cut(r.Target, "/")
	if !ok {
		return nil, noTarget(r, "tracepoint/sched/sched_process_exec")
	}
	l, err := link.Tracepoint(group, name, r.Program, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noHook(r, "tracepoint", r.Target, hook.Suggest(r.Target, hook.Tracepoints.Names()), err)
	}
	if err != nil {
		return nil, err
	}
	return one("tracepoint "+group+":"+name, "perf event", l), nil
}

// rawTracepoint attaches SEC("raw_tp/NAME").
func rawTracepoint(r Request) ([]Attached, error) {
	if r.Target == "" {
		return nil, noTarget(r, "raw_tp/sched_process_exec")
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: r.Target, Program: r.Program})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noHook(r, "raw tracepoint", r.Target, hook.Suggest(r.Target, hook.Raw.Names()), err)
	}
	if err != nil {
		return nil, err
	}
	return one("raw tracepoint "+r.Target, "raw tracepoint link", l), nil
}

// tracing attaches fentry, fexit, fmod_ret and tp_btf programs. Where to was
// settled when they were loaded.
func tracing(r Request) ([]Attached, error) {
	// The library knows no fsession; opened as a raw tracepoint the kernel
	// takes the attach type from the program.
	if strings.HasPrefix(r.Spec.SectionName, "fsession") {
		l, err := link.AttachTracing(link.TracingOptions{Program: r.Program, AttachType: ebpf.AttachNone})
		if err != nil {
			return nil, err
		}
		return one("function "+r.Spec.AttachTo, "trampoline", l), nil
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: r.Program, AttachType: r.Spec.AttachType})
	if err != nil {
		return nil, err
	}
	if r.Spec.AttachType == ebpf.AttachTraceRawTp {
		return one("raw tracepoint "+r.Spec.AttachTo, "raw tracepoint link", l), nil
	}
	return one("function "+r.Spec.AttachTo, "trampoline", l), nil
}

// lsm attaches SEC("lsm/HOOK").
func lsm(r Request) ([]Attached, error) {
	l, err := link.AttachLSM(link.LSMOptions{Program: r.Program})
	if err != nil {
		return nil, err
	}
	return one("LSM hook "+r.Spec.AttachTo, "trampoline", l), nil
}

// freplace attaches SEC("freplace/FUNCTION") to the program that it was loaded
// for.
func freplace(r Request) ([]Attached, error) {
	l, err := link.AttachFreplace(nil, "", r.Program)
	if err != nil {
		return nil, err
	}
	return one("function "+r.Spec.AttachTo+" of a program of the object", "trampoline", l), nil
}

// one is the common case: one place, one link.
func one(to, how string, l link.Link) []Attached {
	return []Attached{{To: to, How: how, Detach: l.Close}}
}
