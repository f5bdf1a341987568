/* Heavy on CO-RE: long chains through task_struct, whose types pull in much of
 * the kernel. Only the compile benchmark uses it.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct report {
	__u64 inode;
	__u64 size;
	__u32 device;
	__u32 user_namespace_level;
	__u32 uts_inode;
	__u32 net_inode;
	__u32 mount_inode;
	__u64 cgroup;
	__u64 resident;
	__u64 start_code;
	char host[65];
	char file[64];
	char cgroup_name[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} reports SEC(".maps");

static void name_of(struct dentry *dentry, char *to, int size)
{
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);

	bpf_probe_read_kernel_str(to, size, name);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old, struct linux_binprm *program)
{
	struct report *r = bpf_ringbuf_reserve(&reports, sizeof(*r), 0);

	if (!r)
		return 0;
	r->inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	r->size = BPF_CORE_READ(task, mm, exe_file, f_inode, i_size);
	r->device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	r->user_namespace_level = BPF_CORE_READ(task, real_parent, cred, user_ns, level);
	r->uts_inode = BPF_CORE_READ(task, nsproxy, uts_ns, ns.inum);
	r->net_inode = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	r->mount_inode = BPF_CORE_READ(task, group_leader, nsproxy, pid_ns_for_children, ns.inum);
	r->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	r->resident = BPF_CORE_READ(task, mm, hiwater_rss);
	r->start_code = BPF_CORE_READ(task, real_parent, mm, start_code);
	BPF_CORE_READ_STR_INTO(&r->host, task, nsproxy, uts_ns, name.nodename);
	name_of(BPF_CORE_READ(program, file, f_path.dentry), r->file, sizeof(r->file));
	BPF_CORE_READ_STR_INTO(&r->cgroup_name, task, cgroups, dfl_cgrp, kn, name);
	bpf_ringbuf_submit(r, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
