package bpffacts

import (
	"slices"
	"strings"
	"testing"
)

func section(t *testing.T, name string) (Section, string) {
	t.Helper()
	s, target, err := FindSection(name)
	if err != nil {
		t.Fatal(err)
	}
	return s, target
}

func helper(t *testing.T, name string) *Helper {
	t.Helper()
	h, ok := FindHelper(name)
	if !ok {
		t.Fatalf("no helper %s", name)
	}
	return h
}

// Facts that are known without the tables: from the kernel's sources.
func TestMayCall(t *testing.T) {
	for _, test := range []struct {
		helper, section, kernel string
		want                    Answer
	}{
		{"bpf_map_lookup_elem", "xdp", "6.1", Yes},
		{"bpf_ktime_get_ns", "socket", "6.1", Yes},
		{"bpf_skb_store_bytes", "tc", "6.1", Yes},
		{"bpf_skb_store_bytes", "kprobe/x", "7", No},
		{"bpf_skb_store_bytes", "xdp", "7", No},
		{"bpf_xdp_adjust_head", "xdp", "6.12", Yes},
		{"bpf_xdp_adjust_head", "tc", "6.12", No},
		{"bpf_probe_write_user", "kprobe/x", "6.1", Yes},
		{"bpf_probe_write_user", "xdp", "6.1", No},
		{"bpf_get_current_pid_tgid", "kprobe/x", "6.1", Yes},
		{"bpf_get_current_pid_tgid", "socket", "6.1", No},   // bpf_base_func_proto has it since 6.10
		{"bpf_get_current_pid_tgid", "socket", "6.12", Yes}, // commit eb166e522c77
		{"bpf_get_current_comm", "kprobe/x", "6.1", Yes},
		{"bpf_copy_from_user", "uprobe.s//bin/x:y", "6.1", Yes},
		{"bpf_copy_from_user", "uprobe//bin/x:y", "6.1", No},
		{"bpf_copy_from_user", "uprobe//bin/x:y", "7", No},
		{"bpf_copy_from_user", "lsm.s/file_open", "7", Yes},
		{"bpf_d_path", "fentry/vfs_open", "6.12", Sometimes},
		{"bpf_d_path", "kprobe/vfs_open", "6.12", No},
		{"bpf_seq_printf", "iter/task", "6.1", Yes},
		{"bpf_seq_printf", "fentry/x", "6.1", No},
		{"bpf_get_func_ret", "fexit/x", "6.1", Yes},
		{"bpf_get_func_ret", "kprobe/x", "6.1", No},
		{"bpf_get_attach_cookie", "kprobe/x", "6.1", Yes},
		{"bpf_sys_bpf", "syscall", "6.1", Yes},
		{"bpf_sys_bpf", "tc", "7", No},
		{"bpf_bind", "cgroup/connect4", "6.1", Yes},
		{"bpf_bind", "cgroup/sendmsg4", "6.1", No},
		{"bpf_sk_select_reuseport", "sk_reuseport", "6.1", Yes},
		{"bpf_sk_assign", "sk_lookup", "6.1", Yes},
		{"bpf_sk_assign", "xdp", "6.1", No},
		{"bpf_msg_redirect_map", "sk_msg", "7", Yes},
		{"bpf_cgrp_storage_get", "kprobe/x", "6.1", No}, // since 6.2
		{"bpf_cgrp_storage_get", "kprobe/x", "6.12", Yes},
		{"bpf_override_return", "kprobe/x", "7", No}, // needs CONFIG_BPF_KPROBE_OVERRIDE
		{"bpf_tcp_send_ack", "struct_ops/tcp_congestion_ops", "6.1", Yes},
		{"bpf_tcp_send_ack", "struct_ops", "6.1", Sometimes},
		{"bpf_trace_printk", "netfilter", "6.1", Unknown}, // no such programs
		{"bpf_trace_printk", "netfilter", "6.12", Yes},
		{"bpf_map_lookup_elem", "freplace/f", "7", Unknown}, // as the program that it replaces
	} {
		k, _ := FindKernel(test.kernel)
		s, target := section(t, test.section)
		if got := k.MayCall(helper(t, test.helper), s, target); got != test.want {
			t.Errorf("%s in %s on %s: %s, want %s", test.helper, test.section, test.kernel, got, test.want)
		}
	}
}

func TestGPL(t *testing.T) {
	for name, want := range map[string]bool{
		"bpf_probe_write_user": true, "bpf_trace_printk": true, "bpf_probe_read_kernel": true, "bpf_perf_event_output": true,
		"bpf_get_current_task": true, "bpf_fib_lookup": true, "bpf_timer_init": true, "bpf_get_stackid": true,
		"bpf_map_lookup_elem": false, "bpf_ktime_get_ns": false, "bpf_get_current_pid_tgid": false, "bpf_get_current_comm": false,
		"bpf_ringbuf_output": false, "bpf_redirect": false, "bpf_skb_store_bytes": false, "bpf_tail_call": false,
	} {
		if h := helper(t, name); h.GPL != want {
			t.Errorf("%s: GPL-only %v", name, h.GPL)
		}
	}
	for name, want := range map[string]bool{"lsm/file_open": true, "struct_ops": true, "kprobe/x": false, "xdp": false, "fentry/x": false} {
		for _, k := range Kernels() {
			s, target := section(t, name)
			if hook, ok := k.Hook(s, target); !ok || hook.NeedsGPL != want {
				t.Errorf("%s on %s: %+v", name, k.Series, hook)
			}
		}
	}
}

func TestGPLCompatible(t *testing.T) {
	for license, want := range map[string]bool{
		"GPL": true, "GPL v2": true, "Dual BSD/GPL": true, "Dual MIT/GPL": true,
		"": false, "gpl": false, "MIT": false, "GPL-2.0": false, "GPLv2": false, "Apache-2.0": false, "Dual BSD": false,
	} {
		if got := GPLCompatible(license); got != want {
			t.Errorf("%q: %v", license, got)
		}
	}
}

func TestHelpers(t *testing.T) {
	for i, h := range Helpers() {
		if h.ID != i+1 || !strings.Contains(h.Prototype, h.Name+"(") || h.Short == "" {
			t.Errorf("%+v", h)
		}
		doc := h.Doc()
		if doc.Name != h.Name || doc.Text == "" || strings.Contains(doc.Text, "**") || strings.Contains(doc.Text, `\`) {
			t.Errorf("documentation of %s: %q", h.Name, doc.Text)
		}
	}
	if n := len(Helpers()); n != 211 { // no more will come: Documentation/bpf/kfuncs.rst
		t.Errorf("%d helpers", n)
	}
	want := "long bpf_ringbuf_output(void *ringbuf, void *data, __u64 size, __u64 flags)"
	if h := helper(t, "bpf_ringbuf_output"); h.Prototype != want || h.ID != 130 || h.Short != "Copy size bytes from data into a ring buffer ringbuf." {
		t.Errorf("%+v", h)
	}
	for name, want := range map[string]string{
		"bpf_map_lookup_elm": "bpf_map_lookup_elem", "bpf_get_current_pid": "bpf_get_current_comm", "printf": "", "bpf_ktime_get": "bpf_ktime_get_ns",
	} {
		if got := NearestHelper(name); got != want {
			t.Errorf("nearest of %s: %q, want %q", name, got, want)
		}
	}
}

func TestHelperSince(t *testing.T) {
	for _, test := range []struct{ helper, section, want string }{
		{"bpf_get_current_pid_tgid", "socket", "6.12"},
		{"bpf_get_current_pid_tgid", "tp/a/b", "6.1"},
		{"bpf_cgrp_storage_get", "tp/a/b", "6.12"},
		{"bpf_skb_store_bytes", "tp/a/b", ""},
	} {
		s, target := section(t, test.section)
		if got := HelperSince(helper(t, test.helper), s, target); got != test.want {
			t.Errorf("%s in %s: %q, want %q", test.helper, test.section, got, test.want)
		}
	}
	k, _ := FindKernel("6.12")
	if got := k.Callers(helper(t, "bpf_xdp_adjust_head")); !slices.Equal(got, []string{"xdp.frags/devmap", "xdp/devmap", "xdp.frags/cpumap", "xdp/cpumap", "xdp.frags", "xdp"}) {
		t.Errorf("callers of bpf_xdp_adjust_head: %v", got)
	}
}

func TestKfuncs(t *testing.T) {
	for _, test := range []struct {
		kfunc, section, kernel string
		want                   Answer
	}{
		{"bpf_task_from_pid", "tp_btf/sched_switch", "6.12", Yes},
		{"bpf_task_from_pid", "tp_btf/sched_switch", "6.1", No}, // since 6.2
		{"bpf_task_from_pid", "lsm/file_open", "7", Yes},
		{"bpf_iter_num_new", "xdp", "6.12", Yes},
		{"bpf_dynptr_from_skb", "tc", "6.12", Yes},
		{"bpf_dynptr_from_skb", "xdp", "6.12", No},
		{"bpf_dynptr_from_xdp", "xdp", "6.12", Yes},
		{"bpf_session_cookie", "kprobe/x", "6.12", No},
		{"bpf_session_cookie", "kprobe.session/x", "6.12", Yes},
		{"bpf_xdp_metadata_rx_hash", "xdp", "6.12", Yes},
		{"bpf_xdp_metadata_rx_hash", "kprobe/x", "6.12", No},
		{"bpf_lookup_user_key", "lsm.s/file_open", "6.1", Yes},
		{"bpf_lookup_user_key", "lsm/file_open", "6.1", No}, // it sleeps
		{"scx_bpf_dsq_insert", "struct_ops", "7", Yes},
		{"scx_bpf_dsq_insert", "xdp", "7", No},
		{"bpf_skb_ct_lookup", "tc", "6.12", Unknown}, // in a module
	} {
		k, _ := FindKernel(test.kernel)
		f, ok := FindKfunc(test.kfunc)
		if !ok {
			t.Errorf("no kfunc %s", test.kfunc)
			continue
		}
		s, target := section(t, test.section)
		if got := k.MayCallKfunc(f, s, target); got != test.want {
			t.Errorf("%s in %s on %s: %s, want %s", test.kfunc, test.section, test.kernel, got, test.want)
		}
	}
	f, _ := FindKfunc("bpf_task_from_pid")
	on, ok := f.For("6.12")
	if !ok || on.Prototype != "struct task_struct *bpf_task_from_pid(s32 pid)" || !slices.Equal(on.Flags, []string{"ACQUIRE", "RET_NULL"}) {
		t.Errorf("%+v", on)
	}
	if f, _ = FindKfunc("bpf_skb_ct_lookup"); f.On[len(f.On)-1].Module != "nf_conntrack" {
		t.Errorf("%+v", f)
	}
}

func TestFindKernel(t *testing.T) {
	newest := Kernels()[len(Kernels())-1].Series
	for name, want := range map[string]struct {
		series string
		exact  bool
	}{
		"6.1": {"6.1", true}, "6.1.0-56-cloud-amd64": {"6.1", true}, "6.12": {"6.12", true}, "6.6": {"6.1", false},
		"5.10": {"6.1", false}, "7": {newest, true}, "latest": {newest, true}, "": {newest, true}, "9.9": {newest, false}, "6": {"6.12", true},
	} {
		k, exact := FindKernel(name)
		if k.Series != want.series || exact != want.exact {
			t.Errorf("%s: %s, %v", name, k.Series, exact)
		}
	}
}

func TestSet(t *testing.T) {
	for want, numbers := range map[Set][]int{"": nil, "0": {0}, "1-3,5,7-8": {1, 2, 3, 5, 7, 8}} {
		got := NewSet(numbers)
		if got != want {
			t.Errorf("%v: %q", numbers, got)
		}
		for n := range 10 {
			if got.Has(n) != slices.Contains(numbers, n) {
				t.Errorf("%q has %d: %v", got, n, got.Has(n))
			}
		}
	}
}
