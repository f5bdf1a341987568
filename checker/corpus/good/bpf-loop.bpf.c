#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct tally {
	int sum;
};

static long step(u32 index, void *context)
{
	struct tally *s = context;

	s->sum += index;
	return 0;
}

SEC("tp_btf/sched_switch")
int walk(u64 *ctx)
{
	struct tally s = {};

	bpf_loop(10, step, &s, 0);
	return s.sum;
}

char LICENSE[] SEC("license") = "GPL";
