#include "probe.h"

SEC("tracepoint/sched/sched_process_exec")
int prog(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	e->value = BPF_CORE_READ(task, real_parent, tgid);
	bpf_core_read_str(e->comm, sizeof(e->comm), &task->comm);
	bpf_ringbuf_submit(e, 0);
	return 0;
}
