//go:build linux

package attach

import (
	"debug/elf"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachUprobeSession is BPF_TRACE_UPROBE_SESSION of enum bpf_attach_type,
// which the library has no name for.
const attachUprobeSession = 57

// uprobeLink is the part of union bpf_attr that BPF_LINK_CREATE reads for
// uprobe.multi links, include/uapi/linux/bpf.h.
type uprobeLink struct {
	program, target   uint32
	attachType, flags uint32
	path              *byte
	offsets           *uint64
	refCounters       *uint64
	cookies           *uint64
	count             uint32
	multiFlags        uint32
	pid               uint32
	_                 uint32
}

// uprobeSession makes the link itself: the library's always says that it is
// of type uprobe.multi.
func uprobeSession(r Request, path string, names []string) ([]Attached, error) {
	offsets, err := offsetsOf(path, names)
	if err != nil {
		return nil, noHook(r, "function of "+path, names[0], "", err)
	}
	cPath, err := unix.BytePtrFromString(path)
	if err != nil {
		return nil, err
	}
	attr := uprobeLink{
		program: uint32(r.Program.FD()), attachType: attachUprobeSession,
		path: cPath, offsets: &offsets[0], count: uint32(len(offsets)),
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_LINK_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(offsets)
	runtime.KeepAlive(r.Program)
	if errno != 0 {
		return nil, fmt.Errorf("create uprobe session link: %w", errno)
	}
	return []Attached{{
		To:  "entry and return of " + functionCount(names) + " of " + path,
		How: "uprobe session link", Detach: func() error { return unix.Close(int(fd)) },
	}}, nil
}

// offsetsOf gives the places of functions in their file.
func offsetsOf(path string, names []string) ([]uint64, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	static, _ := file.Symbols()
	dynamic, _ := file.DynamicSymbols()
	var offsets []uint64
	for _, symbol := range append(static, dynamic...) {
		if elf.ST_TYPE(symbol.Info) != elf.STT_FUNC || !slices.Contains(names, symbol.Name) {
			continue
		}
		if offset, ok := fileOffset(file, symbol.Value); ok && !slices.Contains(offsets, offset) {
			offsets = append(offsets, offset)
		}
	}
	if len(offsets) == 0 {
		return nil, fmt.Errorf("%s has none of these functions", path)
	}
	return offsets, nil
}
