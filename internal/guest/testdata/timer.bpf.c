#include "probe.h"

struct bpf_timer { __u64 opaque[2]; } __attribute__((aligned(8)));
struct slot { struct bpf_timer timer; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, struct slot); } slots SEC(".maps");

static int expired(void *map, int *key, struct slot *slot)
{
	tell(1);
	return 0;
}

SEC("fentry/wake_up_new_task")
int prog(void *ctx)
{
	int key = 0;
	struct slot *slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return 0;
	bpf_timer_init(&slot->timer, &slots, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&slot->timer, expired);
	bpf_timer_start(&slot->timer, 1000000, 0);
	return 0;
}
