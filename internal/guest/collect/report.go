//go:build linux

package collect

import (
	"github.com/cilium/ebpf"

	"github.com/skep-dev/skep/internal/guest/progfacts"
	"github.com/skep-dev/skep/internal/wire"
)

// maxSection is the most that is sent of one data section.
const maxSection = 1 << 20

// Section reads a data section, whose only element is the section.
func Section(m *ebpf.Map) ([]byte, error) {
	data, err := m.LookupBytes(uint32(0))
	if len(data) > maxSection {
		data = data[:maxSection]
	}
	return data, err
}

// Initial gives a data section as it is before anything ran.
func Initial(spec *ebpf.MapSpec) []byte {
	if len(spec.Contents) == 0 {
		return nil
	}
	data, _ := spec.Contents[0].Value.([]byte)
	if len(data) > maxSection {
		data = data[:maxSection]
	}
	return data
}

// Stats asks the kernel how often a program ran, and for how long.
func Stats(name string, program *ebpf.Program) (wire.Stats, error) {
	facts, err := progfacts.Of(program)
	if err != nil {
		return wire.Stats{}, err
	}
	return wire.Stats{
		Program: name, Runs: facts.Runs, Nanoseconds: facts.Nanoseconds, Recursion: facts.RecursionMisses,
	}, nil
}
