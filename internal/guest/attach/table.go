//go:build linux

package attach

import "strings"

type attacher func(Request) ([]Attached, error)

// An entry says who attaches the programs of a section. As in libbpf's table
// (section_defs in libbpf.c), most sections are matched by their part before
// the first slash; those with prefix set also match by how they begin, so that
// SEC("xdp_drop") is an XDP program.
type entry struct {
	head   string
	prefix bool
	attach attacher
}

var table = []entry{
	{"tracepoint", false, tracepoint},
	{"tp", false, tracepoint},
	{"raw_tracepoint", false, rawTracepoint},
	{"raw_tp", false, rawTracepoint},
	{"raw_tracepoint.w", false, rawTracepoint},
	{"raw_tp.w", false, rawTracepoint},

	{"kprobe", false, kprobe},
	{"kretprobe", false, kprobe},
	{"ksyscall", false, ksyscall},
	{"kretsyscall", false, ksyscall},
	{"kprobe.multi", false, kprobeMulti},
	{"kretprobe.multi", false, kprobeMulti},
	{"kprobe.session", false, kprobeMulti},

	{"uprobe", false, uprobe},
	{"uprobe.s", false, uprobe},
	{"uretprobe", false, uprobe},
	{"uretprobe.s", false, uprobe},
	{"uprobe.multi", false, uprobeMulti},
	{"uprobe.multi.s", false, uprobeMulti},
	{"uretprobe.multi", false, uprobeMulti},
	{"uretprobe.multi.s", false, uprobeMulti},
	{"uprobe.session", false, uprobeMulti},
	{"uprobe.session.s", false, uprobeMulti},
	{"usdt", false, usdt},
	{"usdt.s", false, usdt},

	{"tp_btf", false, tracing},
	{"fentry", false, tracing},
	{"fentry.s", false, tracing},
	{"fexit", false, tracing},
	{"fexit.s", false, tracing},
	{"fmod_ret", false, tracing},
	{"fmod_ret.s", false, tracing},
	{"fsession", false, tracing},
	{"fsession.s", false, tracing},
	{"lsm", false, lsm},
	{"lsm.s", false, lsm},
	{"lsm_cgroup", false, cgroup},
	{"freplace", false, freplace},
	{"iter", false, iterator},
	{"iter.s", false, iterator},

	{"xdp", true, xdp},
	{"xdp.frags", true, xdp},
	{"tc", true, tc},
	{"tcx", true, tc},
	{"classifier", true, tc},
	{"action", true, action},
	{"netkit", false, netkit},
	{"lwt_in", true, lwt},
	{"lwt_out", true, lwt},
	{"lwt_xmit", true, lwt},
	{"lwt_seg6local", true, lwt},
	{"netfilter", true, netfilter},

	{"socket", true, socketFilter},
	{"sk_reuseport", true, reuseport},
	{"sk_lookup", true, netNamespace},
	{"flow_dissector", true, netNamespace},
	{"sk_skb", true, sockmap},
	{"sk_msg", true, sockmap},

	{"cgroup", false, cgroup},
	{"cgroup_skb", false, cgroup},
	{"sockops", true, cgroup},

	{"struct_ops", false, structOpsProgram},
	{"struct_ops.s", false, structOpsProgram},
	{"perf_event", true, perfEvent},
	{"syscall", true, syscallProgram},
	{"lirc_mode2", true, lirc},
}

func lookup(section string) attacher {
	head, _, _ := strings.Cut(section, "/")
	var best entry
	for _, e := range table {
		if e.head == head {
			return e.attach
		}
		if e.prefix && strings.HasPrefix(section, e.head) && len(e.head) > len(best.head) {
			best = e
		}
	}
	return best.attach
}
