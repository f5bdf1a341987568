#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define TWICE(x) ((x) * 2)

SEC("tp/sched/sched_process_exec")
int handle(struct trace_event_raw_sched_process_exec *ctx)
{
	bpf_printk("%d", TWICE(1, 2));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
