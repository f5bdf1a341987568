//go:build linux

package attach

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/wire"
)

// structOpsProgram leaves struct_ops programs to their map: see StructOps.
func structOpsProgram(r Request) ([]Attached, error) {
	return []Attached{{To: "member " + r.Spec.AttachTo, How: "in its struct_ops map"}}, nil
}

// StructOps attaches a struct_ops map. One of a .struct_ops section has
// registered itself when it was filled.
func StructOps(spec *ebpf.MapSpec, m *ebpf.Map, legacy bool) (Attached, error) {
	to := "struct_ops " + spec.Value.TypeName()
	if legacy {
		return Attached{To: to, How: "registered with its map", Detach: func() error { return m.Delete(uint32(0)) }}, nil
	}
	l, err := link.AttachStructOps(link.StructOpsOptions{Map: m})
	if err != nil {
		f, _ := feature.AttachType(ebpf.AttachStructOps)
		if kernel := feature.Running(); kernel.Before(f.Since) {
			return Attached{}, end.New(wire.StateUnsupported, err, "map %s: %s", spec.Name, kernel.Lacks(f)).Of(spec.Name).Lacking(f.Name, f.Since)
		}
		return Attached{}, end.New(wire.StateCannotAttach, err, "map %s cannot be attached as %s: %v", spec.Name, to, err).Of(spec.Name)
	}
	return one(to, "struct_ops link", l)[0], nil
}
