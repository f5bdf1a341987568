//go:build linux

package attach

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// sockmap attaches sk_skb and sk_msg programs to the object's socket map, and
// puts the TCP connections of the scene into it, as a program without one of
// kind sockops would see none.
func sockmap(r Request) ([]Attached, error) {
	spec := r.socketMap()
	if spec == nil {
		return nil, cannot(r, "it attaches to a socket map, and the object has no map of type BPF_MAP_TYPE_SOCKMAP or BPF_MAP_TYPE_SOCKHASH")
	}
	at := r.Spec.AttachType
	if r.Spec.Type == ebpf.SkSKB && at == ebpf.AttachNone {
		at = ebpf.AttachSkSKBStreamVerdict
	}
	target := r.Map(spec.Name)
	options := link.RawAttachProgramOptions{Target: target.FD(), Program: r.Program, Attach: at}
	if err := link.RawAttachProgram(options); err != nil {
		return nil, fmt.Errorf("attach to map %s: %w", spec.Name, err)
	}
	if r.Sockets != nil && spec.Type == ebpf.SockMap && !r.hasSockOps() {
		r.Sockets(fill(target, spec.MaxEntries))
	}
	return []Attached{{
		To: "map " + spec.Name + ", " + at.String(), How: "program of a socket map",
		Detach: func() error {
			return link.RawDetachProgram(link.RawDetachProgramOptions(options))
		},
	}}, nil
}

// fill puts established TCP sockets into a socket map, one after the other.
func fill(m *ebpf.Map, size uint32) func(fd int, kind string) error {
	var next uint32
	return func(fd int, kind string) error {
		if kind != "tcp" || next >= size {
			return nil
		}
		key := next
		next++
		return m.Put(key, uint64(fd))
	}
}

func (r Request) socketMap() *ebpf.MapSpec {
	for _, spec := range r.Maps {
		if spec.Type != ebpf.SockMap && spec.Type != ebpf.SockHash {
			continue
		}
		if !r.Wanted || r.Target == spec.Name {
			return spec
		}
	}
	return nil
}

// hasSockOps says whether another program of the object may fill the map.
func (r Request) hasSockOps() bool { return r.FillsSockets }
