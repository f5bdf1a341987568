package compile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/btfc"
)

// rootDepth is how many pointers the trimmed header follows from a root: measured, 0 sends many
// programs to the whole header and 3 adds half the kernel.
const rootDepth = 2

// rootNames are the types that BPF programs start from. Those that a kernel does not have are
// left out of its header.
var rootNames = []string{
	// Fixed-size integers and what libbpf's headers need.
	"__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64", "u8", "u16", "u32", "u64",
	"s8", "s16", "s32", "s64", "__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "__wsum",
	"__sum16", "bool", "size_t", "ssize_t", "pid_t", "uid_t", "gid_t", "dev_t", "mode_t", "umode_t",
	"loff_t", "sector_t", "uintptr_t", "ktime_t", "atomic_t", "atomic64_t", "gfp_t", "clockid_t",
	"uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t", "int64_t",
	"kuid_t", "kgid_t", "fmode_t", "sa_family_t", "socklen_t", "time64_t", "timer_t", "key_t",

	// Contexts of program types.
	"struct __sk_buff", "struct xdp_md", "struct xdp_buff", "struct sk_msg_md", "struct sk_reuseport_md",
	"struct pt_regs", "struct user_pt_regs", "struct seq_file",

	// Tasks.
	"struct task_struct", "struct thread_info", "struct cred", "struct mm_struct", "struct signal_struct",
	"struct sighand_struct", "struct files_struct", "struct fdtable", "struct fs_struct", "struct nsproxy",
	"struct pid", "struct pid_namespace", "struct upid", "struct uts_namespace", "struct mnt_namespace",
	"struct user_namespace", "struct css_set", "struct cgroup", "struct cgroup_subsys_state",
	"struct kernfs_node", "struct rq", "struct cfs_rq", "struct task_group", "struct rusage",
	"struct kernel_siginfo", "struct siginfo", "struct sigaction", "struct io_context", "struct kernel_clone_args",

	// Files.
	"struct file", "struct inode", "struct dentry", "struct path", "struct super_block", "struct vfsmount",
	"struct mount", "struct address_space", "struct file_system_type", "struct linux_binprm", "struct iattr",
	"struct kiocb", "struct iov_iter", "struct iovec", "struct kvec", "struct filename", "struct open_how",
	"struct stat", "struct statx", "struct kstat", "struct linux_dirent64", "struct poll_table_struct",
	"struct block_device", "struct gendisk", "struct request", "struct request_queue", "struct bio",
	"struct bio_vec", "struct page", "struct folio", "struct vm_area_struct", "struct vm_fault",
	"struct kmem_cache", "struct mempolicy", "struct pipe_inode_info",

	// Network.
	"struct sk_buff", "struct sock", "struct sock_common", "struct socket", "struct inet_sock",
	"struct inet_connection_sock", "struct tcp_sock", "struct udp_sock", "struct unix_sock",
	"struct request_sock", "struct net", "struct net_device", "struct netns_ipv4", "struct sockaddr",
	"struct sockaddr_in", "struct sockaddr_in6", "struct sockaddr_un", "struct sockaddr_storage",
	"struct __kernel_sockaddr_storage", "struct in_addr", "struct in6_addr", "struct msghdr",
	"struct user_msghdr", "struct proto", "struct proto_ops", "struct skb_shared_info", "struct rtable",
	"struct ethhdr", "struct vlan_hdr", "struct vlan_ethhdr", "struct iphdr", "struct ipv6hdr", "struct tcphdr",
	"struct udphdr", "struct icmphdr", "struct icmp6hdr", "struct arphdr", "struct ipv6_opt_hdr",
	"struct frag_hdr", "struct iphdr_common", "struct tcp_congestion_ops", "struct rate_sample",
	"struct ack_sample", "struct Qdisc", "struct nf_hook_state", "struct nf_conn", "struct nf_conntrack_tuple",
	"struct nf_conn___init", "struct flow_keys", "struct neighbour", "struct sockopt", "struct tcp_request_sock",

	// What the kernel's tracing and security hooks pass.
	"struct trace_entry", "struct ftrace_regs", "struct perf_event", "struct perf_sample_data",
	"struct syscall_trace_enter", "struct syscall_trace_exit", "struct ring_buffer_event", "struct kernfs_open_file",
	"struct user_struct", "struct key", "struct ctl_table", "struct ctl_table_header", "struct module",
	"struct kern_ipc_perm", "struct msg_msg", "struct fown_struct", "struct lsm_context", "struct lsm_prop",
	"struct timespec64", "struct __kernel_timespec", "struct timer_list", "struct hrtimer", "struct work_struct",
	"struct workqueue_struct", "struct irqaction", "struct softirq_action", "struct rb_node", "struct list_head",
	"struct hlist_node", "struct rcu_head", "struct cpumask", "cpumask_t", "struct btf_type", "struct btf",
	"struct scx_exit_info", "struct scx_init_task_args", "struct scx_exit_task_args", "struct scx_enable_args",
	"struct scx_cpu_acquire_args", "struct scx_cpu_release_args", "struct scx_dump_ctx", "struct scx_cgroup_init_args",
	"struct sched_ext_ops", "struct sched_ext_entity", "struct hid_bpf_ops", "struct hid_bpf_ctx",
	"struct Qdisc_ops", "struct netkit", "struct ctl_dir", "struct taskstats",
}

// rootPrefixes begin the names of structs and unions that are roots as well: BPF's own types and the
// records of tracepoints, one per event class.
var rootPrefixes = []string{"bpf_", "trace_event_raw_", "btf_"}

// rootEnums begin the names or the first constants of enums whose constants programs use.
var rootEnums = []string{
	"bpf_", "BPF_", "xdp_", "XDP_", "tcx_", "TCX_", "netkit_", "NETKIT_", "sk_action", "SK_", "IPPROTO_",
	"TCP_", "tcp_", "NF_", "nf_", "PERF_", "perf_", "false", "pid_type", "PIDTYPE_", "scx_", "SCX_",
	"skb_", "SOCK_", "sock_type", "SS_", "LOCKDOWN_", "lockdown_", "zone_type", "PROBE_",
	"BTF_", "LSM_", "kernel_read_file_id", "CGRP_", "cgroup_subsys_id", "MEMCG_", "memcg_",
}

// writeHeader gives vmlinux.h of one kind, and the names that it lacks against the whole
// one as a nameList.
func writeHeader(spec *btf.Spec, kind string) (text, missing []byte, err error) {
	o := btfc.Options{Kfuncs: true}
	if kind == headerTrimmed {
		if o.Types, err = roots(spec); err != nil {
			return nil, nil, err
		}
		o.Enums, o.PointerDepth = rootEnums, rootDepth
	}
	var out bytes.Buffer
	if err := btfc.Write(&out, spec, o); err != nil {
		return nil, nil, err
	}
	if kind == headerTrimmed {
		missing, err = missingNames(spec, out.Bytes())
	}
	return withoutChecksum(out.Bytes()), missing, err
}

// withoutChecksum says once more, after the include guard, what the header is called. Of a file whose name was set
// clang does not take the MD5 for debug information, a quarter of the time of a small compile.
func withoutChecksum(header []byte) []byte {
	guard := []byte("\n#define __VMLINUX_H__\n")
	before, after, ok := bytes.Cut(header, guard)
	if !ok {
		return header
	}
	line := bytes.Count(before, []byte("\n")) + 4 // of what follows the directive
	return slices.Concat(before, guard, fmt.Appendf(nil, "# %d \"%s\" 3\n", line, headerName), after)
}

// roots are those of rootNames and rootPrefixes that the kernel has.
func roots(spec *btf.Spec) ([]string, error) {
	names := map[string]bool{}
	for t, err := range spec.All() {
		if err != nil {
			return nil, fmt.Errorf("read the kernel's types: %w", err)
		}
		full, plain := fullName(t), t.TypeName()
		if full == "" {
			continue
		}
		if slices.ContainsFunc(rootPrefixes, func(p string) bool { return strings.HasPrefix(plain, p) }) {
			names[full] = true
		}
		if known[full] {
			names[full] = true
		}
	}
	return slices.Sorted(keys(names)), nil
}

var known = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range rootNames {
		if !strings.Contains(name, " ") {
			name = "typedef " + name
		}
		m[name] = true
	}
	return m
}()

// fullName is how btfc names a type as a root, "" for what cannot be one.
func fullName(t btf.Type) string {
	if t.TypeName() == "" {
		return ""
	}
	switch t.(type) {
	case *btf.Struct:
		return "struct " + t.TypeName()
	case *btf.Union:
		return "union " + t.TypeName()
	case *btf.Typedef:
		return "typedef " + t.TypeName()
	}
	return ""
}

// missingNames lists the names of structs, unions, typedefs and constants that the kernel has and the header
// does not declare. A plain name that the header uses in whatever way counts as declared; if
// that was wrong, the compile says so and is repeated with the whole header.
func missingNames(spec *btf.Spec, header []byte) ([]byte, error) {
	used, defined := words(header)
	for _, name := range used {
		if !strings.Contains(name, " ") {
			defined[name] = true
		}
	}
	lacks := map[string]bool{}
	note := func(name string) {
		if name != "" && !defined[name] {
			lacks[name] = true
		}
	}
	for t, err := range spec.All() {
		if err != nil {
			return nil, fmt.Errorf("read the kernel's types: %w", err)
		}
		switch t := t.(type) {
		case *btf.Struct, *btf.Union:
			note(fullName(t))
		case *btf.Typedef:
			note(t.Name)
		case *btf.Enum:
			if t.Name != "" {
				note("enum " + t.Name)
			}
			for _, v := range t.Values {
				note(v.Name)
			}
		}
	}
	return []byte(strings.Join(slices.Sorted(keys(lacks)), "\n") + "\n"), nil
}
