#include "probe.h"

int second(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(int));
	__array(values, int(void *));
} next SEC(".maps") = { .values = { [1] = (void *)&second } };

SEC("tp/sched/sched_process_exec")
int second(void *ctx)
{
	tell(2);
	return 0;
}

SEC("tp/sched/sched_process_exec")
int first(void *ctx)
{
	bpf_tail_call(ctx, &next, 1);
	return 0;
}
