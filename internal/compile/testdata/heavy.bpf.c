#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

struct event { int pid; int ppid; unsigned ns; unsigned long ino; char comm[16]; char file[64]; char root[32]; u32 uid; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(h, int dfd, const char *name)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
	if (!e) return 0;
	e->pid = BPF_CORE_READ(t, tgid);
	e->ppid = BPF_CORE_READ(t, real_parent, tgid);
	e->ns = BPF_CORE_READ(t, nsproxy, mnt_ns, ns.inum);
	e->ino = BPF_CORE_READ(t, mm, exe_file, f_inode, i_ino);
	e->uid = BPF_CORE_READ(t, cred, uid.val);
	BPF_CORE_READ_STR_INTO(&e->file, t, mm, exe_file, f_path.dentry, d_name.name);
	BPF_CORE_READ_STR_INTO(&e->root, t, fs, root.dentry, d_name.name);
	bpf_get_current_comm(e->comm, sizeof e->comm);
	bpf_ringbuf_submit(e, 0);
	return 0;
}
SEC("fentry/tcp_connect")
int BPF_PROG(c, struct sock *sk)
{
	bpf_printk("%d %d", sk->__sk_common.skc_dport, BPF_CORE_READ(sk, sk_socket, file, f_inode, i_sb, s_dev));
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
