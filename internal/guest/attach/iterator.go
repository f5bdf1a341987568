//go:build linux

package attach

import (
	"errors"
	"io"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// iterator attaches SEC("iter/KIND"). It runs when its text is read.
func iterator(r Request) ([]Attached, error) {
	options := link.IterOptions{Program: r.Program}
	if kinds, ok := iteratesMap[r.Spec.AttachTo]; ok {
		options.Map = r.mapOf(kinds)
		if options.Map == nil {
			return nil, cannot(r, "an iterator over a map's elements needs a map of the object; name one of the right type with --attach %s=MAP", r.Spec.Name)
		}
	}
	it, err := link.AttachIter(options)
	if err != nil {
		return nil, err
	}
	attached := Attached{To: "iterator " + r.Spec.AttachTo, How: "seq file", Detach: it.Close}
	attached.Iterate = func(limit int) ([]byte, bool, error) { return iterate(it, limit) }
	return []Attached{attached}, nil
}

// iteratesMap says over the elements of which maps an iterator goes. No types
// means any hash or array.
var iteratesMap = map[string][]ebpf.MapType{
	"bpf_map_elem":       {ebpf.Hash, ebpf.Array, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUCPUHash},
	"bpf_sk_storage_map": {ebpf.SkStorage},
	"sockmap":            {ebpf.SockMap, ebpf.SockHash},
}

// mapOf gives the map that the user named, else the object's first one of
// these types that is no data section.
func (r Request) mapOf(types []ebpf.MapType) *ebpf.Map {
	if r.Wanted {
		return r.Map(r.Target)
	}
	for _, spec := range r.Maps {
		if strings.HasPrefix(spec.Name, ".") {
			continue
		}
		for _, t := range types {
			if spec.Type == t {
				return r.Map(spec.Name)
			}
		}
	}
	return nil
}

func iterate(it *link.Iter, limit int) ([]byte, bool, error) {
	reader, err := it.Open()
	if err != nil {
		return nil, false, err
	}
	defer reader.Close()
	text, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	if len(text) > limit {
		return text[:limit], true, nil
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text, false, err
}
