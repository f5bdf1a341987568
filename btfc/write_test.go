package btfc

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skep-dev/skep/internal/kernel"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// execTypes are what an exec tracer names and what libbpf's headers want.
var execTypes = append([]string{"trace_event_raw_sched_process_exec"}, LibbpfTypes...)

// TestGolden shows what the output looks like. The files come from the kernel that
// make setup fetched as 6.1: go test ./btfc -run Golden -update
func TestGolden(t *testing.T) {
	tests := []struct {
		file string
		Options
	}{
		{"exec.h", Options{Types: execTypes}},
		{"exec_bare.h", Options{Types: []string{"trace_event_raw_sched_process_exec"}, Bare: true, Offsets: true}},
		{"iphdr.h", Options{Types: []string{"iphdr"}, Bare: true, Offsets: true}},
		{"timerqueue.h", Options{Types: []string{"struct hrtimer"}, PointerDepth: 1, Bare: true}},
		{"xdp.h", Options{Types: []string{"xdp_md"}, Enums: []string{"xdp_", "XDP_"}, Guard: "XDP_H"}},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			var got bytes.Buffer
			if err := Write(&got, kernelSpec(t, "6.1"), test.Options); err != nil {
				t.Fatal(err)
			}
			golden(t, test.file, got.Bytes())
		})
	}
}

// golden compares output with a file in testdata.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestClosures compiles what a trimmed header is made of. A program that uses the
// roots must compile with it.
func TestClosures(t *testing.T) {
	for _, series := range kernel.DefaultSeries {
		t.Run(series, func(t *testing.T) {
			t.Parallel()
			spec := kernelSpec(t, series)
			for _, depth := range []int{0, 2, -1} {
				o := Options{
					Types:        append([]string{"task_struct", "sk_buff", "trace_event_raw_sched_process_exec"}, LibbpfTypes...),
					PointerDepth: depth,
					Enums:        []string{"bpf_", "BPF_", "IPPROTO_"},
					Kfuncs:       true,
				}
				var header bytes.Buffer
				if err := Write(&header, spec, o); err != nil {
					t.Fatal(err)
				}
				t.Logf("depth %d: %d bytes", depth, header.Len())
				newWorkshop(t, header.Bytes()).compile(`
					char _license[] SEC("license") = "GPL";
					int type = BPF_MAP_TYPE_RINGBUF + IPPROTO_TCP;
					SEC("tracepoint/sched/sched_process_exec")
					int exec(struct trace_event_raw_sched_process_exec *ctx)
					{
						struct task_struct *task = (void *)bpf_get_current_task();
						return ctx->pid + BPF_CORE_READ(task, tgid);
					}`)
			}
		})
	}
}

func TestUnknownType(t *testing.T) {
	spec := kernelSpec(t, "6.1")
	tests := []struct{ name, want string }{
		{"task_strct", `no type "task_strct" in the BTF, did you mean task_struct, tss_struct`},
		{"union task_struct", `no type "union task_struct" in the BTF`},
		{"", `no type "" in the BTF`},
		{"a b c", `no type "a b c" in the BTF`},
		{strings.Repeat("x", 4096), "no type"},
	}
	for _, test := range tests {
		var out bytes.Buffer
		err := Write(&out, spec, Options{Types: []string{"sk_buff", test.name}})
		var unknown *UnknownTypeError
		if !errors.As(err, &unknown) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%.40q: %v, want %q", test.name, err, test.want)
		}
		if out.Len() > 0 {
			t.Errorf("%.40q: %d bytes written in spite of the error", test.name, out.Len())
		}
	}
}

func TestGuard(t *testing.T) {
	err := Write(new(bytes.Buffer), specOf(t, u32), Options{Guard: "A\n#include"})
	if err == nil {
		t.Error("a guard that is no identifier was taken")
	}
}

func BenchmarkWrite(b *testing.B) {
	spec := kernelSpec(b, "7")
	for _, bench := range []struct {
		name string
		Options
	}{
		{"whole", Options{Kfuncs: true}},
		{"depth 2", Options{Types: []string{"task_struct", "sk_buff"}, PointerDepth: 2, Enums: []string{"bpf_", "BPF_"}}},
		{"exec", Options{Types: execTypes}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := Write(&out, spec, bench.Options); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(out.Len()))
		})
	}
}
