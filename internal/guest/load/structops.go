//go:build linux

package load

import (
	"errors"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/wire"
)

// StructOps creates the struct_ops maps. The library fills them with programs
// of the same collection only, so their programs are loaded once more,
// together with the map; those of Load, which gave each program its own
// verdict, are dropped.
func (l *Loader) StructOps() error {
	for _, spec := range l.object.Maps {
		if spec.Type != ebpf.StructOpsMap {
			continue
		}
		if err := l.structOps(spec); err != nil {
			return err
		}
	}
	return nil
}

// IsLegacy says whether a struct_ops map registers without a link.
func (o *Object) IsLegacy(m *ebpf.MapSpec) bool { return o.legacy[m.Name] }

func (l *Loader) structOps(spec *ebpf.MapSpec) error {
	prepared := spec.Copy()
	if l.object.IsLegacy(spec) {
		prepared.Flags &^= linkFlag
	}
	typeName := spec.Value.TypeName()
	collection := &ebpf.CollectionSpec{
		Maps:      map[string]*ebpf.MapSpec{spec.Name: prepared},
		Programs:  make(map[string]*ebpf.ProgramSpec),
		Types:     l.object.Spec.Types,
		ByteOrder: l.object.Spec.ByteOrder,
	}
	for _, program := range l.object.Programs {
		if program.Type != ebpf.StructOps || !strings.HasPrefix(program.AttachTo, typeName+":") {
			continue
		}
		ready, err := l.prepare(program)
		if err != nil {
			return err
		}
		if l.tally != nil && l.tally.programs[program.Name] != nil {
			ready = l.tally.programs[program.Name]
		}
		collection.Programs[program.Name] = ready
	}
	loaded, err := ebpf.NewCollectionWithOptions(collection, l.options())
	if err != nil {
		return l.structOpsFailed(spec, typeName, err)
	}
	l.maps[spec.Name] = loaded.Maps[spec.Name]
	for name, program := range loaded.Programs {
		if old := l.programs[name]; old != nil {
			_ = old.Close()
		}
		l.programs[name] = program
	}
	return nil
}

func (l *Loader) structOpsFailed(spec *ebpf.MapSpec, typeName string, err error) error {
	links, _ := feature.AttachType(ebpf.AttachStructOps)
	switch {
	case errors.Is(err, ebpf.ErrNotSupported):
		f := feature.StructOps(typeName)
		return end.New(wire.StateUnsupported, err, "map %s: %s", spec.Name, l.kernel.Lacks(f)).
			Of(spec.Name).Lacking(f.Name, f.Since)
	case errors.Is(err, unix.EINVAL) && !l.object.IsLegacy(spec) && l.kernel.Before(links.Since):
		return end.New(wire.StateUnsupported, err, "map %s: %s; SEC(\".struct_ops\") works on it", spec.Name, l.kernel.Lacks(links)).
			Of(spec.Name).Lacking(links.Name, links.Since)
	case errors.Is(err, unix.EEXIST):
		return end.New(wire.StateCannotAttach, err, "map %s: a %s of that name is registered already", spec.Name, typeName).Of(spec.Name)
	}
	return end.New(wire.StateMapFailed, err, "map %s was not created: %v", spec.Name, err).Of(spec.Name)
}
