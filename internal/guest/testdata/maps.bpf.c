#include "probe.h"

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } lru SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 100); __type(key, __u32); __type(value, __u64); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } percpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u32); } queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK); __uint(max_entries, 4); __type(value, __u32); } stack SEC(".maps");

struct prefix { __u32 bits; __u8 data[4]; };
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} trie SEC(".maps");

SEC("tp/sched/sched_process_exec")
int prog(void *ctx)
{
	__u32 key = 7, value = 9;
	__u64 wide = 11;
	struct prefix p = { .bits = 8, .data = { 10 } };
	bpf_map_update_elem(&hash, &key, &wide, 0);
	bpf_map_update_elem(&lru, &key, &wide, 0);
	bpf_map_update_elem(&array, &key, &wide, 0);
	bpf_map_push_elem(&queue, &value, 0);
	bpf_map_push_elem(&stack, &value, 0);
	bpf_map_update_elem(&trie, &p, &value, 0);
	key = 1;
	bpf_map_update_elem(&percpu, &key, &value, 0);
	tell(1);
	return 0;
}
