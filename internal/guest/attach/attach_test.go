//go:build linux

package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/wire"
)

func TestLookup(t *testing.T) {
	for section, want := range map[string]string{
		"tracepoint/sched/sched_switch": "tracepoint",
		"tp/sched/sched_switch":         "tracepoint",
		"kprobe/vfs_open":               "kprobe",
		"kprobe.multi/vfs_*":            "kprobeMulti",
		"kprobe.session/vfs_open":       "kprobeMulti",
		"uprobe.multi.s//bin/x:f":       "uprobeMulti",
		"xdp":                           "xdp",
		"xdp_drop":                      "xdp",
		"xdp.frags/devmap":              "xdp",
		"tc":                            "tc",
		"tc/ingress":                    "tc",
		"tcx/egress":                    "tc",
		"classifier/2":                  "tc",
		"socket1":                       "socketFilter",
		"sockops":                       "cgroup",
		"cgroup/connect4":               "cgroup",
		"cgroup_skb/ingress":            "cgroup",
		"sk_skb/stream_parser":          "sockmap",
		"struct_ops.s/init":             "structOpsProgram",
		"lwt_seg6local":                 "lwt",
		"frobnicate":                    "",
		"kprobes/x":                     "",
	} {
		got := ""
		if f := lookup(section); f != nil {
			name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
			got = name[strings.LastIndex(name, ".")+1:]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", section, got, want)
		}
	}
}

func TestFailed(t *testing.T) {
	request := Request{Spec: &ebpf.ProgramSpec{Name: "p", SectionName: "kprobe/f"}}
	for _, test := range []struct {
		cause          error
		state, message string
	}{
		{unix.EPERM, wire.StateCannotAttach, "the kernel denies it"},
		{unix.EBUSY, wire.StateCannotAttach, "another program is there already"},
		{fs.ErrNotExist, wire.StateCannotAttach, "there is no such hook"},
		{unix.ENOMEM, wire.StateOutOfMemory, "no more memory"},
		{end.New(wire.StateUnsupported, nil, "as it is"), wire.StateUnsupported, "as it is"},
	} {
		err := failed(request, "kprobe/f", fmt.Errorf("attach: %w", test.cause))
		got := end.From(err)
		if got.State != test.state || !strings.Contains(got.Message, test.message) || got.Program != "p" {
			t.Errorf("%v: %+v", test.cause, got)
		}
		var errno unix.Errno
		if errors.As(test.cause, &errno) && got.Errno != unix.ErrnoName(errno) {
			t.Errorf("%v: errno %q", test.cause, got.Errno)
		}
	}
}

func TestDirections(t *testing.T) {
	for _, test := range []struct {
		section, target string
		wanted          bool
		device, want    string
	}{
		{"tc", "", false, "v0", "[ingress egress]"},
		{"tc", "", false, "lo", "[ingress]"},
		{"tc/ingress", "ingress", false, "v0", "[ingress]"},
		{"tc/egress", "egress", false, "lo", "[egress]"},
		{"tc", "v0:egress", true, "v0", "[egress]"},
		{"tc/egress", "v0:ingress", true, "v0", "[ingress]"},
		{"tc", "v0", true, "v0", "[ingress egress]"},
	} {
		r := Request{Spec: &ebpf.ProgramSpec{SectionName: test.section}, Target: test.target, Wanted: test.wanted}
		if got := fmt.Sprint(r.directions(test.device)); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestSplitOffset(t *testing.T) {
	for text, want := range map[string]string{
		"f":      "f 0 true",
		"f+0x10": "f 16 true",
		"f+8":    "f 8 true",
		"f+x":    "f 0 false",
	} {
		symbol, offset, err := splitOffset(text)
		if got := fmt.Sprint(symbol, " ", offset, " ", err == nil); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
