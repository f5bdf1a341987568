//go:build linux

package attach

import (
	"debug/elf"
	"errors"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf/link"

	"github.com/skep-dev/skep/internal/guest/hook"
)

// searchPath is where an executable without a slash in its name is looked
// for, as libbpf does.
var searchPath = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/lib", "/usr/lib"}

const uprobeExample = "uprobe//bin/target:target_fn"

// executable splits FILE:FUNCTION and opens the file.
func executable(r Request, example string) (*link.Executable, string, string, error) {
	file, function, ok := cutLast(r.Target, ":")
	if !ok || file == "" || function == "" {
		return nil, "", "", noTarget(r, example)
	}
	path := resolve(file)
	ex, err := link.OpenExecutable(path)
	if err != nil {
		return nil, "", "", noHook(r, "file", file, "", err)
	}
	return ex, path, function, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

func resolve(file string) string {
	if strings.Contains(file, "/") {
		return file
	}
	for _, directory := range searchPath {
		if matches, _ := filepath.Glob(filepath.Join(directory, file)); len(matches) > 0 {
			return matches[0]
		}
	}
	return file
}

// uprobe attaches SEC("uprobe/FILE:FUNCTION[+OFFSET]") and the kin for returns.
func uprobe(r Request) ([]Attached, error) {
	ex, path, function, err := executable(r, uprobeExample)
	if err != nil {
		return nil, err
	}
	symbol, offset, err := splitOffset(function)
	if err != nil {
		return nil, noTarget(r, uprobeExample+"+0x4")
	}
	attach, place := ex.Uprobe, "entry of function "
	if strings.HasPrefix(r.Spec.SectionName, "uret") {
		attach, place = ex.Uretprobe, "return of function "
	}
	l, err := attach(symbol, r.Program, &link.UprobeOptions{Offset: offset})
	if errors.Is(err, link.ErrNoSymbol) {
		return nil, noHook(r, "function of "+path, symbol, hook.Suggest(symbol, symbols(path)), err)
	}
	if err != nil {
		return nil, err
	}
	return one(place+function+" of "+path, "perf event", l), nil
}

// uprobeMulti attaches SEC("uprobe.multi/FILE:PATTERN") and its kin.
func uprobeMulti(r Request) ([]Attached, error) {
	ex, path, pattern, err := executable(r, "uprobe.multi//bin/target:*")
	if err != nil {
		return nil, err
	}
	names := []string{pattern}
	if strings.ContainsAny(pattern, "*?") {
		names = matching(path, pattern)
		if len(names) == 0 {
			return nil, noHook(r, "function of "+path+" that matches", pattern, "", nil)
		}
	}
	if strings.Contains(r.Spec.SectionName, "uprobe.session") {
		return uprobeSession(r, path, names)
	}
	attach, place := ex.UprobeMulti, "entry of "
	if strings.HasPrefix(r.Spec.SectionName, "uret") {
		attach, place = ex.UretprobeMulti, "return of "
	}
	l, err := attach(names, r.Program, nil)
	if errors.Is(err, link.ErrNoSymbol) {
		return nil, noHook(r, "function of "+path, pattern, hook.Suggest(pattern, symbols(path)), err)
	}
	if err != nil {
		return nil, err
	}
	return one(place+functionCount(names)+" of "+path, "uprobe multi link", l), nil
}

// symbols lists the functions of an executable.
func symbols(path string) []string {
	file, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	static, _ := file.Symbols()
	dynamic, _ := file.DynamicSymbols()
	var names []string
	for _, symbol := range append(static, dynamic...) {
		if elf.ST_TYPE(symbol.Info) == elf.STT_FUNC && symbol.Value != 0 {
			names = append(names, symbol.Name)
		}
	}
	return names
}

func matching(path, pattern string) []string {
	var names []string
	for _, name := range symbols(path) {
		if ok, err := filepath.Match(pattern, name); ok && err == nil {
			names = append(names, name)
		}
	}
	return names
}
