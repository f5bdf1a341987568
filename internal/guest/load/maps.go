//go:build linux

package load

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/wire"
)

const (
	// arenaAddress is where an arena without an address of its own would lie
	// in user space. The verifier wants one before it takes a program
	// (kernel/bpf/verifier.c, "arena's user address must be set").
	arenaAddress = 1 << 44
	// linkFlag is BPF_F_LINK of enum bpf_map_create flags, which struct_ops
	// maps of .struct_ops.link sections carry.
	linkFlag = 1 << 13
	pinPath  = "/sys/fs/bpf"
)

// Maps creates the maps of the object in its order. struct_ops maps have to
// wait for their programs; see StructOps.
func (l *Loader) Maps() error {
	if l.object.readsConfig {
		if err := ensureConfig(); err != nil {
			return err
		}
	}
	for _, spec := range l.object.Maps {
		if spec.Type == ebpf.StructOpsMap {
			continue
		}
		if err := l.createMap(spec); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) createMap(spec *ebpf.MapSpec) error {
	if l.maps[spec.Name] != nil {
		return nil
	}
	prepared := spec.Copy()
	// Bytes behind a legacy map definition mean something to iproute2 only.
	prepared.Extra = nil
	if prepared.Type == ebpf.Arena && prepared.MapExtra == 0 {
		prepared.MapExtra = arenaAddress
	}
	if storesPrograms(prepared.Type) {
		// Programs are not there yet: see fillProgramArrays.
		prepared.Contents = nil
	}
	collection := &ebpf.CollectionSpec{
		Maps:      map[string]*ebpf.MapSpec{spec.Name: prepared},
		Types:     l.object.Spec.Types,
		ByteOrder: l.object.Spec.ByteOrder,
	}
	options := l.options()
	options.MapReplacements = make(map[string]*ebpf.Map)
	if err := l.addInner(collection, &options, prepared); err != nil {
		return err
	}
	loaded, err := ebpf.NewCollectionWithOptions(collection, options)
	if err != nil {
		return l.mapFailed(spec, err)
	}
	l.maps[spec.Name] = loaded.Maps[spec.Name]
	return nil
}

// addInner adds the maps that a map of maps holds at the start.
func (l *Loader) addInner(collection *ebpf.CollectionSpec, options *ebpf.CollectionOptions, outer *ebpf.MapSpec) error {
	if outer.Type != ebpf.ArrayOfMaps && outer.Type != ebpf.HashOfMaps {
		return nil
	}
	for _, element := range outer.Contents {
		name, ok := element.Value.(string)
		if !ok {
			continue
		}
		inner := l.object.Spec.Maps[name]
		if inner == nil || inner == outer || name == outer.Name {
			return end.New(wire.StateBadObject, nil, "map %s holds %q, which is not a map of the object", outer.Name, name).Of(outer.Name)
		}
		if err := l.createMap(inner); err != nil {
			return err
		}
		collection.Maps[name] = inner
		options.MapReplacements[name] = l.maps[name]
	}
	return nil
}

func storesPrograms(t ebpf.MapType) bool { return t == ebpf.ProgramArray }

// fillProgramArrays puts the programs that a program array names at its
// definition into it.
func (l *Loader) fillProgramArrays() error {
	for _, spec := range l.object.Maps {
		if !storesPrograms(spec.Type) {
			continue
		}
		for _, element := range spec.Contents {
			name, ok := element.Value.(string)
			if !ok {
				continue
			}
			program := l.programs[name]
			if program == nil {
				return end.New(wire.StateBadObject, nil, "map %s names %q, which is not a program of the object", spec.Name, name).Of(spec.Name)
			}
			if err := l.maps[spec.Name].Put(element.Key, program); err != nil {
				return end.New(wire.StateMapFailed, err, "program %s cannot be put into map %s: %v", name, spec.Name, err).Of(spec.Name)
			}
		}
	}
	return nil
}

// TailCalled names the programs that a program array of the object names.
func (o *Object) TailCalled() map[string]string {
	names := make(map[string]string)
	for _, spec := range o.Maps {
		if !storesPrograms(spec.Type) {
			continue
		}
		for _, element := range spec.Contents {
			if name, ok := element.Value.(string); ok {
				names[name] = spec.Name
			}
		}
	}
	return names
}

func (l *Loader) mapFailed(spec *ebpf.MapSpec, err error) error {
	kind := feature.Map(spec.Type)
	if l.kernel.Before(kind.Since) {
		return end.New(wire.StateUnsupported, err, "map %s: %s", spec.Name, l.kernel.Lacks(kind)).
			Of(spec.Name).Lacking(kind.Name, kind.Since)
	}
	reason := likelyMapReason(spec, err)
	if reason == "" {
		reason = err.Error()
	}
	return end.New(wire.StateMapFailed, err, "map %s was not created: %s", spec.Name, reason).Of(spec.Name)
}

// likelyMapReason reads an errno with the map's definition beside it; the
// kernel itself gives no more than the number.
func likelyMapReason(spec *ebpf.MapSpec, err error) string {
	bytes := uint64(spec.MaxEntries) * (uint64(spec.KeySize) + uint64(spec.ValueSize))
	switch {
	case errors.Is(err, unix.ENOMEM):
		return fmt.Sprintf("it would need about %d MB, and the machine has no more memory", bytes>>20)
	case errors.Is(err, unix.E2BIG):
		return fmt.Sprintf("%d entries with keys of %d and values of %d bytes are more than the kernel allows", spec.MaxEntries, spec.KeySize, spec.ValueSize)
	case errors.Is(err, unix.EPERM):
		return "the kernel denies it"
	case errors.Is(err, unix.EBUSY):
		return "a map of this kind exists already"
	case !errors.Is(err, unix.EINVAL):
		return ""
	}
	page := uint32(unix.Getpagesize())
	switch t := spec.Type; {
	case t == ebpf.RingBuf || t == ebpf.UserRingbuf:
		if spec.MaxEntries == 0 || spec.MaxEntries%page != 0 || spec.MaxEntries&(spec.MaxEntries-1) != 0 {
			return fmt.Sprintf("max_entries of a ring buffer is its size in bytes: a power of two and a multiple of %d, not %d", page, spec.MaxEntries)
		}
	case t == ebpf.LPMTrie && spec.Flags&unix.BPF_F_NO_PREALLOC == 0:
		return "an LPM trie needs the map flag BPF_F_NO_PREALLOC"
	case spec.MaxEntries == 0 && !keyedByObject(t):
		return "max_entries is 0; it has to be set in the map's definition"
	case isArray(t) && spec.KeySize != 4:
		return fmt.Sprintf("the key of an array has to be 4 bytes, not %d", spec.KeySize)
	case spec.ValueSize == 0 && t != ebpf.PerfEventArray && t != ebpf.Arena:
		return "the value has no size; give the map a value type"
	}
	return "EINVAL: the kernel does not take this combination of type, key, value, entries and flags"
}

// keyedByObject are maps whose entries live in tasks, sockets and so on.
func keyedByObject(t ebpf.MapType) bool { return strings.HasSuffix(t.String(), "Storage") }

func isArray(t ebpf.MapType) bool {
	return strings.HasSuffix(t.String(), "Array") || t == ebpf.ArrayOfMaps
}
