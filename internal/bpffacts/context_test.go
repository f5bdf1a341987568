package bpffacts

import (
	"testing"

	"github.com/cilium/ebpf"
)

func TestContext(t *testing.T) {
	for _, k := range Kernels() {
		for name, want := range map[string]struct{ typeName, macro string }{
			"xdp":                                 {"struct xdp_md", ""},
			"tc":                                  {"struct __sk_buff", ""},
			"tcx/ingress":                         {"struct __sk_buff", ""},
			"socket":                              {"struct __sk_buff", ""},
			"cgroup/connect4":                     {"struct bpf_sock_addr", ""},
			"cgroup/sock_create":                  {"struct bpf_sock", ""},
			"cgroup/dev":                          {"struct bpf_cgroup_dev_ctx", ""},
			"cgroup/getsockopt":                   {"struct bpf_sockopt", ""},
			"sockops":                             {"struct bpf_sock_ops", ""},
			"sk_msg":                              {"struct sk_msg_md", ""},
			"sk_lookup":                           {"struct bpf_sk_lookup", ""},
			"perf_event":                          {"struct bpf_perf_event_data", ""},
			"netfilter":                           {"struct bpf_nf_ctx", ""}, // 6.1 has none: as the newest
			"kprobe/vfs_open":                     {"struct pt_regs", "BPF_KPROBE"},
			"kretprobe/vfs_open":                  {"struct pt_regs", "BPF_KRETPROBE"},
			"uprobe.s//bin/x:f":                   {"struct pt_regs", "BPF_UPROBE"},
			"usdt//bin/x:a:b":                     {"struct pt_regs", "BPF_USDT"},
			"ksyscall/write":                      {"struct pt_regs", "BPF_KSYSCALL"},
			"tracepoint/syscalls/sys_enter_write": {"struct trace_event_raw_sys_enter", ""},
			"tp/syscalls/sys_exit_write":          {"struct trace_event_raw_sys_exit", ""},
			"tp/sched/sched_switch":               {"struct trace_event_raw_sched_switch", ""},
			"tp/sched/sched_wakeup":               {"struct trace_event_raw_sched_wakeup_template", ""},
			"tp/block/block_bio_queue":            {"struct trace_event_raw_block_bio", ""},
			"tp":                                  {"", ""},
			"raw_tp/sched_switch":                 {"struct bpf_raw_tracepoint_args", ""},
			"tp_btf/sched_switch":                 {"unsigned long long", "BPF_PROG"},
			"fentry/vfs_open":                     {"unsigned long long", "BPF_PROG"},
			"lsm/file_open":                       {"unsigned long long", "BPF_PROG"},
			"struct_ops/ssthresh":                 {"unsigned long long", "BPF_PROG"},
			"iter/task":                           {"struct bpf_iter__task", ""},
			"syscall":                             {"void", ""},
			"freplace/f":                          {"", ""},
		} {
			s, target := section(t, name)
			c, ok := k.Context(s, target)
			if !ok || c.Type != want.typeName || c.Macro != want.macro {
				t.Errorf("%s on %s: %+v, %v", name, k.Series, c, ok)
			}
		}
		for _, s := range Sections() {
			if _, ok := k.Context(s, ""); !ok {
				t.Errorf("%s on %s: no context", s.Pattern, k.Series)
			}
		}
	}
}

func TestFits(t *testing.T) {
	k, _ := FindKernel("")
	for _, test := range []struct {
		section, typeName string
		want              string // empty if it fits
	}{
		{"xdp", "struct xdp_md", ""},
		{"xdp", "const struct xdp_md", ""},
		{"xdp", "void", ""},
		{"xdp", "struct __sk_buff", `struct __sk_buff * is what socket_filter and sched_cls and sched_act and similar programs get; those of SEC("xdp") get struct xdp_md *`},
		{"xdp", "struct pt_regs", `struct pt_regs * is what kprobe programs get; those of SEC("xdp") get struct xdp_md *`},
		{"xdp", "struct mine", `programs of SEC("xdp") get a struct xdp_md *, not a struct mine *`},
		{"tc", "struct xdp_md", `struct xdp_md * is what xdp programs get; those of SEC("tc") get struct __sk_buff *`},
		{"kprobe/f", "struct pt_regs", ""},
		{"kprobe/f", "struct mine", ""},
		{"kprobe/f", "struct xdp_md", `struct xdp_md * is what xdp programs get; those of SEC("kprobe") get struct pt_regs *`},
		{"kprobe/f", "struct trace_event_raw_sys_enter", `struct trace_event_raw_sys_enter * is what tracepoint programs get; those of SEC("kprobe") get struct pt_regs *`},
		{"tp/sched/sched_wakeup", "struct trace_event_raw_sched_wakeup_template", ""},
		{"tp/sched/sched_switch", "struct my_event", ""},
		{"tp/sched/sched_switch", "struct pt_regs", `struct pt_regs * is what kprobe programs get; those of SEC("tp") get struct trace_event_raw_sched_switch *`},
		{"fentry/f", "unsigned long long", ""},
		{"fentry/f", "__u64", ""},
		{"fentry/f", "struct pt_regs", `struct pt_regs * is what kprobe programs get; those of SEC("fentry") get their arguments (BPF_PROG), or an unsigned long long *`},
		{"raw_tp/sched_switch", "struct bpf_raw_tracepoint_args", ""},
		{"raw_tp/sched_switch", "u64", ""},
		{"iter/task", "struct bpf_iter__task", ""},
		{"iter/task", "struct bpf_iter__task_file", `struct bpf_iter__task_file * is what iter programs get; those of SEC("iter") get struct bpf_iter__task *`},
		{"syscall", "struct mine", ""},
		{"freplace/f", "struct xdp_md", ""},
		{"perf_event", "struct bpf_perf_event_data", ""},
		{"perf_event", "struct pt_regs", `struct pt_regs * is what kprobe programs get; those of SEC("perf_event") get struct bpf_perf_event_data *`},
	} {
		s, target := section(t, test.section)
		ok, why := k.Fits(s, target, test.typeName)
		if ok != (test.want == "") || why != test.want {
			t.Errorf("%s, %s: %v %q\nwant %q", test.section, test.typeName, ok, why, test.want)
		}
	}
}

// Events that are declared alike share a struct, but not on every kernel.
func TestEventStruct(t *testing.T) {
	for series, want := range map[string]string{
		"6.1": "struct trace_event_raw_sched_process_template", "6.12": "struct trace_event_raw_sched_process_template",
		"7": "struct trace_event_raw_sched_process_exit",
	} {
		k, _ := FindKernel(series)
		if got := k.eventStruct("sched/sched_process_exit"); got != want {
			t.Errorf("%s: %s, want %s", series, got, want)
		}
	}
}

// The names are those of the library whose words a run's stream has.
func TestProgramTypes(t *testing.T) {
	for i, p := range ProgramTypes() {
		if p.ID != i+1 || p.Cilium != ebpf.ProgramType(p.ID).String() || p.Description == "" {
			t.Errorf("%+v; cilium/ebpf has %s", p, ebpf.ProgramType(p.ID))
		}
		for _, name := range []string{p.Name, p.Libbpf, p.Cilium, "BPF_PROG_TYPE_" + p.Name} {
			if found, ok := FindProgramType(name); !ok || found.ID != p.ID {
				t.Errorf("%s: %+v", name, found)
			}
		}
	}
	if _, ok := FindProgramType("UNSPEC"); ok {
		t.Error("there is a program type UNSPEC")
	}
}
