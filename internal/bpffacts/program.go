package bpffacts

import "strings"

// A ProgramType is one of enum bpf_prog_type (include/uapi/linux/bpf.h).
type ProgramType struct {
	ID int
	// Name without BPF_PROG_TYPE_: "SOCKET_FILTER".
	Name string
	// Libbpf is what libbpf and bpftool call it: "socket_filter"
	// (prog_type_name in libbpf.c).
	Libbpf string
	// Cilium is what cilium/ebpf calls it, and so the stream of a run:
	// "SocketFilter".
	Cilium string
	// Since is the mainline release that brought it.
	Since string
	// What a person would want to know, in one line.
	Description string
}

// ProgramTypes are all that there are, by number.
func ProgramTypes() []ProgramType { return programTypes }

// FindProgramType looks a program type up by any of its names: "XDP",
// "BPF_PROG_TYPE_XDP", "xdp", "CGroupSKB".
func FindProgramType(name string) (*ProgramType, bool) {
	name = strings.TrimPrefix(name, "BPF_PROG_TYPE_")
	for i := range programTypes {
		if t := &programTypes[i]; name == t.Name || name == t.Libbpf || name == t.Cilium {
			return t, true
		}
	}
	return nil, false
}

// The numbers and names are those of the kernel, libbpf and cilium/ebpf, which
// a test compares; the releases are those of internal/guest/feature, likewise.
var programTypes = []ProgramType{
	{1, "SOCKET_FILTER", "socket_filter", "SocketFilter", "3.19", "sees the packets of one socket and says how much of each the socket gets"},
	{2, "KPROBE", "kprobe", "Kprobe", "4.1", "runs at a function or instruction, of the kernel (kprobe) or of a process (uprobe, USDT), and reads its registers"},
	{3, "SCHED_CLS", "sched_cls", "SchedCLS", "4.1", "sees every packet that comes into or leaves a network device (tc, tcx, netkit), and lets it pass, changes, redirects or drops it"},
	{4, "SCHED_ACT", "sched_act", "SchedACT", "4.1", "is an action of traffic control, behind a filter of tc"},
	{5, "TRACEPOINT", "tracepoint", "TracePoint", "4.7", "runs at a tracepoint of the kernel and reads its fields"},
	{6, "XDP", "xdp", "XDP", "4.8", "sees packets in the network driver, before the kernel does, and drops, sends back, redirects or passes them"},
	{7, "PERF_EVENT", "perf_event", "PerfEvent", "4.9", "runs whenever a counter of the processor or a timer of perf overflows: for profilers"},
	{8, "CGROUP_SKB", "cgroup_skb", "CGroupSKB", "4.10", "sees the packets of the processes in a cgroup and lets them pass or drops them"},
	{9, "CGROUP_SOCK", "cgroup_sock", "CGroupSock", "4.10", "decides about sockets that processes in a cgroup make, bind or release"},
	{10, "LWT_IN", "lwt_in", "LWTIn", "4.10", "sees packets that come in by a route with a lightweight tunnel"},
	{11, "LWT_OUT", "lwt_out", "LWTOut", "4.10", "sees packets that go out by a route with a lightweight tunnel"},
	{12, "LWT_XMIT", "lwt_xmit", "LWTXmit", "4.10", "sees and changes packets just before they are sent by a route with a lightweight tunnel"},
	{13, "SOCK_OPS", "sock_ops", "SockOps", "4.13", "is told what happens to the TCP connections of a cgroup, and sets their options"},
	{14, "SK_SKB", "sk_skb", "SkSKB", "4.14", "splits the stream of sockets in a map into messages, or sends those to another socket"},
	{15, "CGROUP_DEVICE", "cgroup_device", "CGroupDevice", "4.15", "decides which device files the processes in a cgroup may open or make"},
	{16, "SK_MSG", "sk_msg", "SkMsg", "4.17", "sees what is sent on sockets in a map, and lets it pass, drops it or sends it to another socket"},
	{17, "RAW_TRACEPOINT", "raw_tracepoint", "RawTracepoint", "4.17", "runs at a tracepoint of the kernel and gets the arguments as they are passed"},
	{18, "CGROUP_SOCK_ADDR", "cgroup_sock_addr", "CGroupSockAddr", "4.17", "sees and changes the addresses that processes in a cgroup bind, connect or send to, or ask for"},
	{19, "LWT_SEG6LOCAL", "lwt_seg6local", "LWTSeg6Local", "4.18", "is an action on IPv6 packets with segment routing"},
	{20, "LIRC_MODE2", "lirc_mode2", "LircMode2", "4.18", "decodes what an infrared receiver sees"},
	{21, "SK_REUSEPORT", "sk_reuseport", "SkReuseport", "4.19", "picks the socket for a packet or connection among those that share a port"},
	{22, "FLOW_DISSECTOR", "flow_dissector", "FlowDissector", "4.20", "takes the headers of a packet apart for the kernel"},
	{23, "CGROUP_SYSCTL", "cgroup_sysctl", "CGroupSysctl", "5.2", "decides which settings in /proc/sys the processes in a cgroup may read or write"},
	{24, "RAW_TRACEPOINT_WRITABLE", "raw_tracepoint_writable", "RawTracepointWritable", "5.2", "is a raw tracepoint program that may also write to the first argument"},
	{25, "CGROUP_SOCKOPT", "cgroup_sockopt", "CGroupSockopt", "5.3", "sees and changes the socket options that processes in a cgroup get and set"},
	{26, "TRACING", "tracing", "Tracing", "5.5", "runs at the begin or end of a function (fentry, fexit), instead of it (fmod_ret), at a tracepoint (tp_btf), or for each object of a kind (iter), with typed arguments"},
	{27, "STRUCT_OPS", "struct_ops", "StructOps", "5.6", "implements a function of a kernel interface, such as congestion control of TCP or a scheduler"},
	{28, "EXT", "ext", "Extension", "5.6", "replaces a global function of another BPF program"},
	{29, "LSM", "lsm", "LSM", "5.7", "runs at a hook of the security modules and can deny what is about to happen"},
	{30, "SK_LOOKUP", "sk_lookup", "SkLookup", "5.9", "picks the listening socket for a new connection or packet"},
	{31, "SYSCALL", "syscall", "Syscall", "5.14", "runs when a process asks for it, and may call bpf() itself"},
	{32, "NETFILTER", "netfilter", "Netfilter", "6.4", "sees packets at a hook of netfilter and accepts or drops them"},
}
