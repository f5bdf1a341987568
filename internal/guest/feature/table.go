package feature

import "github.com/cilium/ebpf"

// The versions below are those of the kernel's own history: the first release
// whose include/uapi/linux/bpf.h has the constant (types, helpers), or whose
// source registers the kfunc (BTF_ID_FLAGS, before 6.0 BTF_ID). Names and
// numbers: include/uapi/linux/bpf.h.

var programTypes = map[ebpf.ProgramType]Feature{
	ebpf.SocketFilter:          {Name: "socket filter programs", Since: "3.19"},
	ebpf.Kprobe:                {Name: "kprobe programs", Since: "4.1"},
	ebpf.SchedCLS:              {Name: "tc programs", Since: "4.1"},
	ebpf.SchedACT:              {Name: "tc action programs", Since: "4.1"},
	ebpf.TracePoint:            {Name: "tracepoint programs", Since: "4.7"},
	ebpf.XDP:                   {Name: "XDP programs", Since: "4.8"},
	ebpf.PerfEvent:             {Name: "perf event programs", Since: "4.9"},
	ebpf.CGroupSKB:             {Name: "cgroup_skb programs", Since: "4.10"},
	ebpf.CGroupSock:            {Name: "cgroup socket programs", Since: "4.10"},
	ebpf.LWTIn:                 {Name: "lwt_in programs", Since: "4.10", Option: "CONFIG_LWTUNNEL_BPF"},
	ebpf.LWTOut:                {Name: "lwt_out programs", Since: "4.10", Option: "CONFIG_LWTUNNEL_BPF"},
	ebpf.LWTXmit:               {Name: "lwt_xmit programs", Since: "4.10", Option: "CONFIG_LWTUNNEL_BPF"},
	ebpf.SockOps:               {Name: "sockops programs", Since: "4.13"},
	ebpf.SkSKB:                 {Name: "sk_skb programs", Since: "4.14"},
	ebpf.CGroupDevice:          {Name: "cgroup device programs", Since: "4.15"},
	ebpf.SkMsg:                 {Name: "sk_msg programs", Since: "4.17"},
	ebpf.RawTracepoint:         {Name: "raw tracepoint programs", Since: "4.17"},
	ebpf.CGroupSockAddr:        {Name: "cgroup socket address programs", Since: "4.17"},
	ebpf.LWTSeg6Local:          {Name: "lwt_seg6local programs", Since: "4.18", Option: "CONFIG_IPV6_SEG6_BPF"},
	ebpf.LircMode2:             {Name: "lirc programs", Since: "4.18", Option: "CONFIG_BPF_LIRC_MODE2"},
	ebpf.SkReuseport:           {Name: "sk_reuseport programs", Since: "4.19"},
	ebpf.FlowDissector:         {Name: "flow dissector programs", Since: "4.20"},
	ebpf.CGroupSysctl:          {Name: "cgroup sysctl programs", Since: "5.2"},
	ebpf.RawTracepointWritable: {Name: "writable raw tracepoint programs", Since: "5.2"},
	ebpf.CGroupSockopt:         {Name: "cgroup socket option programs", Since: "5.3"},
	ebpf.Tracing:               {Name: "tracing programs", Since: "5.5"},
	ebpf.StructOps:             {Name: "struct_ops programs", Since: "5.6"},
	ebpf.Extension:             {Name: "freplace programs", Since: "5.6"},
	ebpf.LSM:                   {Name: "LSM programs", Since: "5.7", Option: "CONFIG_BPF_LSM"},
	ebpf.SkLookup:              {Name: "sk_lookup programs", Since: "5.9"},
	ebpf.Syscall:               {Name: "syscall programs", Since: "5.14"},
	ebpf.Netfilter:             {Name: "netfilter programs", Since: "6.4", Option: "CONFIG_NETFILTER_BPF_LINK"},
}

// insnArray is BPF_MAP_TYPE_INSN_ARRAY, which the library has no name for.
const insnArray = ebpf.MapType(34)

var mapTypes = map[ebpf.MapType]Feature{
	ebpf.RingBuf:       {Name: "ring buffers", Since: "5.8"},
	ebpf.InodeStorage:  {Name: "inode storage maps", Since: "5.10"},
	ebpf.TaskStorage:   {Name: "task storage maps", Since: "5.11"},
	ebpf.BloomFilter:   {Name: "bloom filter maps", Since: "5.16"},
	ebpf.UserRingbuf:   {Name: "user ring buffers", Since: "6.1"},
	ebpf.CgroupStorage: {Name: "cgroup storage maps (BPF_MAP_TYPE_CGRP_STORAGE)", Since: "6.2"},
	ebpf.Arena:         {Name: "arena maps", Since: "6.9"},
	insnArray:          {Name: "instruction array maps", Since: "6.19"},
}

var attachTypes = map[ebpf.AttachType]Feature{
	ebpf.AttachTraceKprobeMulti:      {Name: "kprobe.multi links", Since: "5.18", Option: "CONFIG_FPROBE"},
	ebpf.AttachLSMCgroup:             {Name: "lsm_cgroup programs", Since: "6.0"},
	ebpf.AttachStructOps:             {Name: "struct_ops links", Since: "6.4"},
	ebpf.AttachNetfilter:             {Name: "netfilter programs", Since: "6.4", Option: "CONFIG_NETFILTER_BPF_LINK"},
	ebpf.AttachTCXIngress:            {Name: "tcx links", Since: "6.6", Option: "CONFIG_NET_XGRESS"},
	ebpf.AttachTCXEgress:             {Name: "tcx links", Since: "6.6", Option: "CONFIG_NET_XGRESS"},
	ebpf.AttachTraceUprobeMulti:      {Name: "uprobe.multi links", Since: "6.6"},
	ebpf.AttachCgroupUnixConnect:     {Name: "cgroup programs for unix sockets", Since: "6.7"},
	ebpf.AttachCgroupUnixSendmsg:     {Name: "cgroup programs for unix sockets", Since: "6.7"},
	ebpf.AttachCgroupUnixRecvmsg:     {Name: "cgroup programs for unix sockets", Since: "6.7"},
	ebpf.AttachCgroupUnixGetpeername: {Name: "cgroup programs for unix sockets", Since: "6.7"},
	ebpf.AttachCgroupUnixGetsockname: {Name: "cgroup programs for unix sockets", Since: "6.7"},
	ebpf.AttachNetkitPrimary:         {Name: "netkit devices", Since: "6.7", Option: "CONFIG_NETKIT"},
	ebpf.AttachNetkitPeer:            {Name: "netkit devices", Since: "6.7", Option: "CONFIG_NETKIT"},
	ebpf.AttachTraceKprobeSession:    {Name: "kprobe.session links", Since: "6.10", Option: "CONFIG_FPROBE"},
}

// sections are those whose attach types the library has no names for, or
// shares with others.
var sections = map[string]Feature{
	"fsession":         {Name: "fsession programs", Since: "7.0"},
	"fsession.s":       {Name: "fsession programs", Since: "7.0"},
	"uprobe.session":   {Name: "uprobe.session links", Since: "6.13"},
	"uprobe.session.s": {Name: "uprobe.session links", Since: "6.13"},
	"tcx":              {Name: "tcx links", Since: "6.6", Option: "CONFIG_NET_XGRESS"},
	"xdp.frags":        {Name: "XDP programs for multi-buffer frames", Since: "5.18"},
}

// Helpers up to 208 are in every kernel that we fetch; since 6.2 new ones come
// as kfuncs only (Documentation/bpf/kfuncs.rst).
var helpers = map[int]Feature{
	209: {Name: "helper bpf_user_ringbuf_drain", Since: "6.1"},
	210: {Name: "helper bpf_cgrp_storage_get", Since: "6.2"},
	211: {Name: "helper bpf_cgrp_storage_delete", Since: "6.2"},
}

var structOps = map[string]Feature{
	"tcp_congestion_ops": {Since: "5.6"},
	"bpf_dummy_ops":      {Since: "5.16"},
	"sched_ext_ops":      {Since: "6.12", Option: "CONFIG_SCHED_CLASS_EXT"},
	"hid_bpf_ops":        {Since: "6.11", Option: "CONFIG_HID_BPF"},
	"Qdisc_ops":          {Since: "6.16", Option: "CONFIG_NET_SCH_BPF"},
}
