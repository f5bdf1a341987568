#define NO_EVENTS
#include "probe.h"

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1 << 20); __type(key, __u32); __type(value, char[1024]); } big SEC(".maps");

SEC("tp/sched/sched_process_exec")
int prog(void *ctx)
{
	__u32 key = 0;
	char *value = bpf_map_lookup_elem(&big, &key);
	return value ? *value : 0;
}
