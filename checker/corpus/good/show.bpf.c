#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <skep.h>

SEC("tp/sched/sched_process_exec")
int handle(struct trace_event_raw_sched_process_exec *ctx)
{
	struct path where = {};
	u64 numbers[3] = { 1, 2, 3 };

	SHOW(ctx->pid);
	SHOW(numbers);
	SHOW(where);
	SUBMIT(bpf_get_current_pid_tgid() >> 32);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
