#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct event {
	u32 pid;
	u64 time;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("tp/sched/sched_process_exec")
int handle(struct trace_event_raw_sched_process_exec *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	pid_t pid = BPF_CORE_READ(task, real_parent, real_parent, tgid);
	char name[16];

	BPF_CORE_READ_STR_INTO(&name, parent, comm);
	if (bpf_core_field_exists(task->loginuid) && bpf_core_type_exists(struct mm_struct))
		bpf_printk("%s %d %d", name, pid, bpf_core_field_size(task->comm));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
