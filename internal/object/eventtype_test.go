package object

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

func names(types []btf.Type) string {
	var all []string
	for _, t := range types {
		all = append(all, describe(t))
	}
	return strings.Join(all, ", ")
}

func TestEventTypes(t *testing.T) {
	o := read(t, "kinds.bpf.c")
	stripped, err := Strip(compile(t, "kinds.bpf.c"))
	if err != nil {
		t.Fatal(err)
	}
	noDWARF := mustRead(t, stripped)
	for _, test := range []struct {
		name              string
		object            *Object
		mapName           string
		perf              bool
		size              int
		exact, candidates string
		programs          string
	}{
		{"two of a size", o, "rb", false, 16, "struct open_event, struct close_event", "", "closed opened"},
		{"variable size", o, "rb", false, 37, "exec_event", "", "executed"},
		{"padded", o, "events", true, 20, "struct open_event", "", "opened"},
		{"no padding needed", o, "events", true, 100, "exec_event", "", "executed"},
		{"unknown with a candidate", o, "blind", false, 40, "", "struct never_sent", "unknown"},
		{"unknown without", o, "blind", false, 41, "", "", "unknown"},
		{"unknown map", o, "elsewhere", false, 16, "", "struct open_event, struct close_event", ""},
		{"no DWARF: candidates of that size in BTF", noDWARF, "blind", false, 40, "", "struct never_sent", "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.object.EventTypes(test.mapName, test.size)
			if test.perf {
				got = test.object.PerfEventTypes(test.mapName, test.size)
			}
			if diff := cmp.Diff([]string{test.exact, test.candidates, test.programs},
				[]string{names(got.Exact), names(got.Candidates), strings.Join(got.Programs, " ")}); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := strings.Join(o.Emitters("rb"), " "); got != "closed executed opened" {
		t.Errorf("emitters of rb: %s", got)
	}
}

// Without DWARF, types come from BTF: globals, map values and parameters.
func TestEmitSitesWithoutDWARF(t *testing.T) {
	stripped, err := Strip(compile(t, "emit_elsewhere.bpf.c"))
	if err != nil {
		t.Fatal(err)
	}
	got := emitListing(mustRead(t, stripped))
	for _, want := range []string{
		"exactly stamp_t (stamps[2])", "exactly char[120] (scratch.text)",
		"send bpf_perf_event_output into events from calls,calls_again: 128 bytes: exactly struct event (e)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestPerfSampleSize(t *testing.T) {
	for size, want := range map[int]int{0: 4, 1: 4, 4: 4, 5: 12, 12: 12, 13: 20, 16: 20, 20: 20, 24: 28} {
		if got := PerfSampleSize(size); got != want {
			t.Errorf("%d bytes: got %d, want %d", size, got, want)
		}
	}
}

func TestTypeByName(t *testing.T) {
	o := read(t, "kinds.bpf.c")
	for _, test := range []struct{ ask, want, says string }{
		{"open_event", "struct open_event", ""},
		{"struct open_event", "struct open_event", ""},
		{" exec_event ", "exec_event", ""},
		{"u64", "u64", ""},
		{"opne_event", "", "Did you mean open_event"},
		{"event", "", "Did you mean exec_event or open_event or close_event?"},
		{"zzzzzzzz", "", "It has close_event, exec_event, never_sent, open_event."},
	} {
		got, err := o.TypeByName(test.ask)
		if err == nil {
			if describe(got) != test.want {
				t.Errorf("%s: got %s, want %s", test.ask, describe(got), test.want)
			}
			continue
		}
		if !errors.Is(err, ErrNoType) || test.says == "" || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.ask, err)
		}
	}
}

func TestOwnFiles(t *testing.T) {
	for file, want := range map[string]bool{
		"prog.bpf.c": true, "/src/prog.c": true, "event.h": true, "include/event.h": true, "/home/a/bpf.h": true,
		"": false, "vmlinux.h": false, "/x/vmlinux-6.12.h": false, "/usr/include/bpf/bpf_helpers.h": false,
		"/h/bpf/bpf_helper_defs.h": false, "linux/types.h": false, "skep.h": false, "/usr/lib/llvm-19/lib/clang/19/include/stddef.h": false,
	} {
		if got := isOwnFile(file); got != want {
			t.Errorf("%q: got %v", file, got)
		}
	}
}
