#include "probe.h"

struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
void bpf_task_release(struct task_struct *task) __ksym;

SEC("tp_btf/sched_process_exec")
int prog(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);
	if (!task)
		return 0;
	tell(task->pid);
	bpf_task_release(task);
	return 0;
}
