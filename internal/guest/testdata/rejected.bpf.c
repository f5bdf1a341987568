#include "probe.h"

SEC("tp/sched/sched_process_exec")
int good(void *ctx)
{
	tell(1);
	return 0;
}

SEC("tp/sched/sched_process_exec")
int bad(void *ctx)
{
	char *task = (void *)bpf_get_current_task();
	return *task;
}

SEC("tp/sched/sched_process_exec")
int fine(void *ctx)
{
	tell(2);
	return 0;
}
