//go:build linux

package attach

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/hook"
	"github.com/skep-dev/skep/internal/wire"
)

// kprobe attaches SEC("kprobe/FUNCTION[+OFFSET]") and SEC("kretprobe/FUNCTION").
func kprobe(r Request) ([]Attached, error) {
	if r.Target == "" {
		return nil, noTarget(r, "kprobe/vfs_open")
	}
	return kprobeOn(r, r.Target, strings.HasPrefix(r.Spec.SectionName, "kret"))
}

// syscallPrefix is what x86-64 puts before the names of system calls
// (arch/x86/include/asm/syscall_wrapper.h).
const syscallPrefix = "__x64_sys_"

// ksyscall attaches SEC("ksyscall/NAME") and SEC("kretsyscall/NAME").
func ksyscall(r Request) ([]Attached, error) {
	if r.Target == "" {
		return nil, noTarget(r, "ksyscall/openat")
	}
	return kprobeOn(r, syscallPrefix+r.Target, strings.HasPrefix(r.Spec.SectionName, "kretsyscall"))
}

func kprobeOn(r Request, function string, onReturn bool) ([]Attached, error) {
	symbol, offset, err := splitOffset(function)
	if err != nil {
		return nil, noTarget(r, "kprobe/vfs_open+0x10")
	}
	attach, place := link.Kprobe, "entry of function "
	if onReturn {
		attach, place = link.Kretprobe, "return of function "
	}
	l, err := attach(symbol, r.Program, &link.KprobeOptions{Offset: offset})
	if err == nil {
		return one(place+function, "perf event", l), nil
	}
	if denied(symbol) {
		return nil, end.New(wire.StateCannotAttach, err, "program %s: the kernel denies kprobes on function %q, which is on its list of those that cannot be probed", r.Spec.Name, symbol)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noHook(r, "function", symbol, hook.Suggest(symbol, hook.Functions.Names()), err)
	}
	return nil, err
}

func splitOffset(function string) (symbol string, offset uint64, err error) {
	symbol, text, ok := strings.Cut(function, "+")
	if ok {
		offset, err = strconv.ParseUint(text, 0, 64)
	}
	return symbol, offset, err
}

// denied says whether a function is on the kernel's list of functions that a
// probe would break.
func denied(function string) bool {
	list, err := os.ReadFile("/sys/kernel/debug/kprobes/blacklist")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(list)) {
		// "0xADDRESS-0xADDRESS\tNAME"
		if _, name, _ := strings.Cut(strings.TrimSpace(line), "\t"); name == function {
			return true
		}
	}
	return false
}

// kprobeMulti attaches SEC("kprobe.multi/PATTERN") and its kin for returns
// and sessions. A pattern may have * and ?.
func kprobeMulti(r Request) ([]Attached, error) {
	if r.Target == "" {
		return nil, noTarget(r, "kprobe.multi/vfs_*")
	}
	options := link.KprobeMultiOptions{Symbols: []string{r.Target}}
	if strings.ContainsAny(r.Target, "*?") {
		options.Symbols = hook.Match(r.Target)
		if len(options.Symbols) == 0 {
			return nil, noHook(r, "function that matches", r.Target, "", nil)
		}
	}
	options.Session = r.Spec.AttachType == ebpf.AttachTraceKprobeSession
	attach, place := link.KprobeMulti, "entry of "
	switch {
	case strings.HasPrefix(r.Spec.SectionName, "kret"):
		attach, place = link.KretprobeMulti, "return of "
	case options.Session:
		place = "entry and return of "
	}
	l, err := attach(r.Program, options)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist) {
		return nil, noHook(r, "function", r.Target, hook.Suggest(r.Target, hook.Functions.Names()), err)
	}
	if err != nil {
		return nil, err
	}
	return one(place+functionCount(options.Symbols), "kprobe multi link", l), nil
}

func functionCount(names []string) string {
	if len(names) == 1 {
		return "function " + names[0]
	}
	return strconv.Itoa(len(names)) + " functions"
}
