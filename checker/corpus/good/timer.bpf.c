#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct element {
	struct bpf_timer timer;
	u64 fired;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct element);
} timers SEC(".maps");

static int fire(void *map, int *key, struct element *e)
{
	e->fired++;
	return 0;
}

SEC("syscall")
int start(void *ctx)
{
	int key = 0;
	struct element *e = bpf_map_lookup_elem(&timers, &key);

	if (!e)
		return 1;
	bpf_timer_init(&e->timer, &timers, 1);
	bpf_timer_set_callback(&e->timer, fire);
	return bpf_timer_start(&e->timer, 1000, 0);
}

char LICENSE[] SEC("license") = "GPL";
