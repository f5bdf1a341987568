#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("tp_btf/task_newtask")
int BPF_PROG(born, struct task_struct *task, u64 clone_flags)
{
	struct task_struct *one = bpf_task_from_pid(1);

	if (!one)
		return 0;
	bpf_printk("%d %llx", one->pid == task->pid, clone_flags);
	bpf_task_release(one);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
