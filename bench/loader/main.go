// Command loader is what a person without skep would write to see one event of
// the exec tracer: it loads an object, attaches its tracepoint program, starts
// /bin/true, prints the first record and ends. The benchmark with virtme-ng
// runs it in the guest.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/perf"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: loader OBJECT")
		os.Exit(2)
	}
	if err := load(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "loader:", err)
		os.Exit(1)
	}
}

func load(path string) error {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return err
	}
	collection, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	events := collection.Maps["events"]
	if events == nil {
		return errors.New("the object has no map called events")
	}
	reader, err := perf.NewReader(events, os.Getpagesize())
	if err != nil {
		return err
	}
	for name, program := range spec.Programs {
		_, hook, _ := strings.Cut(program.SectionName, "/")
		group, event, ok := strings.Cut(hook, "/")
		if !ok {
			return fmt.Errorf("section %s is no tracepoint", program.SectionName)
		}
		if _, err := link.Tracepoint(group, event, collection.Programs[name], nil); err != nil {
			return err
		}
	}
	if err := exec.Command("/bin/true").Run(); err != nil {
		return err
	}
	record, err := reader.Read()
	if err != nil {
		return err
	}
	if len(record.RawSample) < 24 {
		return fmt.Errorf("a record of %d bytes is too short", len(record.RawSample))
	}
	comm, _, _ := strings.Cut(string(record.RawSample[8:24]), "\x00")
	fmt.Printf("event pid=%d comm=%s\n", binary.NativeEndian.Uint32(record.RawSample), comm)
	return nil
}
