//go:build linux

package attach

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/link"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/hook"
	"github.com/skep-dev/skep/internal/wire"
)

// usdtSpecs is the map of libbpf's usdt.bpf.h that tells the program where
// the arguments of a probe are.
const usdtSpecs = "__bpf_usdt_specs"

const usdtExample = "usdt//bin/target:target:greeted"

// usdt attaches SEC("usdt/FILE:PROVIDER:NAME"): a uprobe at each place where
// the executable's notes have the probe. The cookie of each is the index of
// its argument specification, which bpf_usdt_arg reads.
func usdt(r Request) ([]Attached, error) {
	file, provider, name, ok := cutUSDT(r.Target)
	if !ok {
		return nil, noTarget(r, usdtExample)
	}
	path := resolve(file)
	probes, err := readProbes(path)
	if err != nil {
		return nil, noHook(r, "executable with USDT probes", file, "", err)
	}
	ex, err := link.OpenExecutable(path)
	if err != nil {
		return nil, err
	}
	var attached []Attached
	var known []string
	for _, probe := range probes {
		known = append(known, probe.provider+":"+probe.name)
		if probe.provider != provider || probe.name != name {
			continue
		}
		a, err := attachProbe(r, ex, path, probe)
		if err != nil {
			return attached, err
		}
		attached = append(attached, a)
	}
	if len(attached) == 0 {
		wanted := provider + ":" + name
		return nil, noHook(r, "USDT probe of "+path, wanted, hook.Suggest(wanted, known), nil)
	}
	return attached, nil
}

func cutUSDT(target string) (file, provider, name string, ok bool) {
	rest, name, ok := cutLast(target, ":")
	if !ok {
		return "", "", "", false
	}
	file, provider, ok = cutLast(rest, ":")
	return file, provider, name, ok && file != "" && provider != "" && name != ""
}

func attachProbe(r Request, ex *link.Executable, path string, p probe) (Attached, error) {
	spec, err := p.spec()
	if err != nil {
		return Attached{}, end.New(wire.StateCannotAttach, err, "program %s: an argument of USDT probe %s:%s cannot be read: %v", r.Spec.Name, p.provider, p.name, err)
	}
	cookie := uint32(*r.Probes)
	if specs := r.Map(usdtSpecs); specs != nil {
		if len(spec) != int(specs.ValueSize()) {
			return Attached{}, cannot(r, "its usdt.bpf.h is of a libbpf whose argument specifications have %d bytes, not %d", specs.ValueSize(), len(spec))
		}
		if err := specs.Put(cookie, spec); err != nil {
			return Attached{}, fmt.Errorf("put the arguments' places into map %s: %w", usdtSpecs, err)
		}
	}
	*r.Probes++
	l, err := ex.Uprobe("", r.Program, &link.UprobeOptions{
		Address: p.offset, RefCtrOffset: p.semaphore, Cookie: uint64(cookie),
	})
	if err != nil {
		return Attached{}, err
	}
	to := fmt.Sprintf("USDT probe %s:%s of %s at 0x%x", p.provider, p.name, path, p.address)
	return one(to, "uprobe with cookie", l)[0], nil
}

// A probe is one note of type 3 in .note.stapsdt: see
// https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation.
type probe struct {
	provider, name, arguments string
	address                   uint64
	// offset and semaphore are places in the file, as uprobes want them. A
	// semaphore of 0 means that there is none.
	offset, semaphore uint64
}

const (
	noteHeader = 12
	noteType   = 3
	noteOwner  = "stapsdt\x00"
	maxNotes   = 4 << 20
)

var errNotes = errors.New("the notes about USDT probes are cut off")

func readProbes(path string) ([]probe, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	section := file.Section(".note.stapsdt")
	if section == nil || section.Size > maxNotes {
		return nil, fmt.Errorf("%s has no section .note.stapsdt", path)
	}
	notes, err := section.Data()
	if err != nil {
		return nil, err
	}
	// Prelinking moves code, but not the addresses in notes; the difference
	// shows in where this section is.
	var base uint64
	if s := file.Section(".stapsdt.base"); s != nil {
		base = s.Addr
	}
	return parseNotes(notes, file.ByteOrder, base, func(address uint64) (uint64, bool) {
		return fileOffset(file, address)
	})
}

func parseNotes(notes []byte, order binary.ByteOrder, base uint64, offset func(uint64) (uint64, bool)) ([]probe, error) {
	var probes []probe
	for len(notes) >= noteHeader {
		nameSize, descSize := order.Uint32(notes), order.Uint32(notes[4:])
		kind := order.Uint32(notes[8:])
		descAt := noteHeader + align4(uint64(nameSize))
		next := descAt + align4(uint64(descSize))
		if descAt+uint64(descSize) > uint64(len(notes)) {
			return nil, errNotes
		}
		owner := string(notes[noteHeader:min(uint64(noteHeader)+uint64(nameSize), descAt)])
		if kind == noteType && owner == noteOwner {
			p, err := parseProbe(notes[descAt:descAt+uint64(descSize)], order, base, offset)
			if err != nil {
				return nil, err
			}
			probes = append(probes, p)
		}
		notes = notes[min(next, uint64(len(notes))):]
	}
	return probes, nil
}

func align4(n uint64) uint64 { return (n + 3) &^ 3 }

func parseProbe(desc []byte, order binary.ByteOrder, base uint64, offset func(uint64) (uint64, bool)) (probe, error) {
	if len(desc) < 24 {
		return probe{}, errNotes
	}
	address, noteBase, semaphore := order.Uint64(desc), order.Uint64(desc[8:]), order.Uint64(desc[16:])
	texts := strings.SplitN(string(desc[24:]), "\x00", 4)
	if len(texts) < 4 {
		return probe{}, errNotes
	}
	if base != 0 && noteBase != 0 {
		address += base - noteBase
		if semaphore != 0 {
			semaphore += base - noteBase
		}
	}
	p := probe{provider: texts[0], name: texts[1], arguments: texts[2], address: address}
	var ok bool
	if p.offset, ok = offset(address); !ok {
		return probe{}, fmt.Errorf("USDT probe %s:%s lies at 0x%x, which is not in the file", p.provider, p.name, address)
	}
	if semaphore != 0 {
		if p.semaphore, ok = offset(semaphore); !ok {
			return probe{}, fmt.Errorf("the semaphore of USDT probe %s:%s lies at 0x%x, which is not in the file", p.provider, p.name, semaphore)
		}
	}
	return p, nil
}

func fileOffset(file *elf.File, address uint64) (uint64, bool) {
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_LOAD && address >= segment.Vaddr && address-segment.Vaddr < segment.Filesz {
			return address - segment.Vaddr + segment.Off, true
		}
	}
	return 0, false
}
