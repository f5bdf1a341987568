#include "vmlinux.h"

SEC("tp/sched/sched_process_exec")
int handle(struct trace_event_raw_sched_process_exec *ctx)
{
	bpf_printk("x");
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
