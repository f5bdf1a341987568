package main

import (
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
)

func TestEventClasses(t *testing.T) {
	word := &btf.Int{Name: "int", Size: 4}
	entry := &btf.Struct{Name: "trace_entry", Size: 8}
	event := func(name string, members ...btf.Member) *btf.Struct {
		return &btf.Struct{Name: "trace_event_raw_" + name, Size: 64, Members: append([]btf.Member{{Name: "ent", Type: entry}}, members...)}
	}
	pid := btf.Member{Name: "pid", Type: word, Offset: 64}
	path := btf.Member{Name: "__data_loc_path", Type: word, Offset: 96}
	data := btf.Member{Name: "__data", Type: &btf.Array{Index: word, Type: &btf.Int{Name: "char", Size: 1}}, Offset: 128}
	builder, err := btf.NewBuilder([]btf.Type{
		event("wake_template", pid, data), event("exit", pid), event("other_template", pid), event("open", pid, path, data),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := builder.Spec()
	if err != nil {
		t.Fatal(err)
	}
	got, err := eventClasses(spec, []probe.Event{
		{Name: "sched/wake_new", Fields: []string{"pid:8:4"}},
		{Name: "sched/exit", Fields: []string{"pid:8:4"}},
		{Name: "fs/open_at", Fields: []string{"pid:8:4", "path:12:4"}},
		{Name: "fs/of_a_module", Fields: []string{"inode:8:8"}},
		{Name: "syscalls/sys_enter_x", Fields: []string{"pid:8:4"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"sched/wake_new": "wake_template", "fs/open_at": "open"}, got); diff != "" {
		t.Error(diff)
	}
}
