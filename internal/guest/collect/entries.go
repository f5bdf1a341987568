//go:build linux

package collect

import (
	"errors"
	"time"

	"github.com/cilium/ebpf"

	"github.com/skep-dev/skep/internal/wire"
)

const (
	// dumpTime and maxVisited bound how long one map is walked, dumpBytes
	// how much of it is sent.
	dumpTime   = 250 * time.Millisecond
	maxVisited = 1 << 16
	dumpBytes  = 1 << 20
)

// A dump is how a kind of map is read.
type dump func(d *dumper) error

// dumps are the kinds of maps that have contents to show. Buffers, arenas,
// bloom filters, storages in kernel objects, and maps of sockets and programs
// have none that could be listed.
var dumps = map[ebpf.MapType]dump{
	ebpf.Hash: walk, ebpf.LRUHash: walk, ebpf.Array: walk, ebpf.LPMTrie: walk,
	ebpf.PerCPUHash: walkPerCPU, ebpf.LRUCPUHash: walkPerCPU, ebpf.PerCPUArray: walkPerCPU,
	ebpf.ArrayOfMaps: walk, ebpf.HashOfMaps: walk,
	ebpf.DevMap: walk, ebpf.DevMapHash: walk, ebpf.CPUMap: walk,
	ebpf.StackTrace: walk, ebpf.CGroupStorage: walk,
	ebpf.Queue: pop, ebpf.Stack: pop,
}

type dumper struct {
	m       *ebpf.Map
	spec    *ebpf.MapSpec
	out     wire.Entries
	limit   int
	bytes   int
	visited int
	until   time.Time
}

// Entries reads a map's contents. ok is false for kinds without any.
func Entries(spec *ebpf.MapSpec, m *ebpf.Map, limit int) (entries wire.Entries, ok bool, err error) {
	read := dumps[spec.Type]
	if read == nil {
		return wire.Entries{}, false, nil
	}
	d := &dumper{m: m, spec: spec, limit: limit, until: time.Now().Add(dumpTime)}
	d.out.Map = spec.Name
	err = read(d)
	return d.out, true, err
}

// full says whether the walk has to end here, and notes it.
func (d *dumper) full() bool {
	d.visited++
	if len(d.out.Entries) >= d.limit || d.bytes >= dumpBytes || d.visited > maxVisited || time.Now().After(d.until) {
		d.out.Truncated = true
		return true
	}
	return false
}

func (d *dumper) add(e wire.Entry) {
	d.out.Entries = append(d.out.Entries, e)
	d.bytes += len(e.Key) + len(e.Value)
	for _, value := range e.PerCPU {
		d.bytes += len(value)
	}
}

// sparse says whether elements that are all zero are counted instead of
// listed: those of arrays, which are there from the start.
func (d *dumper) sparse() bool {
	return d.spec.Type == ebpf.Array || d.spec.Type == ebpf.PerCPUArray
}

func walk(d *dumper) error {
	return d.each(func(key, value []byte) {
		d.add(wire.Entry{Key: key, Value: value})
	})
}

func walkPerCPU(d *dumper) error {
	return d.each(func(key, value []byte) {
		entry := wire.Entry{Key: key}
		// Each processor's value begins at a multiple of 8.
		size := int(d.spec.ValueSize)
		for stride := (size + 7) &^ 7; stride > 0 && len(value) >= stride; value = value[stride:] {
			entry.PerCPU = append(entry.PerCPU, value[:size])
		}
		d.add(entry)
	})
}

func (d *dumper) each(use func(key, value []byte)) error {
	var key []byte
	for {
		var previous any
		if key != nil {
			previous = key
		}
		next, err := d.m.NextKeyBytes(previous)
		if err != nil {
			return err
		}
		if next == nil {
			return nil
		}
		if d.full() {
			return nil
		}
		value, err := d.m.LookupBytes(next)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		switch {
		case value == nil:
			// Gone since, or an empty slot of a map of maps or devices.
		case d.sparse() && allZero(value):
			d.out.Zero++
		default:
			use(next, value)
		}
		key = next
	}
}

// pop takes the elements out: there is no other way to see more than one.
func pop(d *dumper) error {
	for !d.full() {
		value := make([]byte, d.spec.ValueSize)
		err := d.m.LookupAndDelete(nil, &value)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		d.add(wire.Entry{Value: value})
	}
	return nil
}

func allZero(data []byte) bool {
	for _, b := range data {
		if b != 0 {
			return false
		}
	}
	return true
}
