#define NO_EVENTS
#include "probe.h"

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id, seq_num; } RELOCATED;
struct bpf_map;
struct bpf_iter__bpf_map_elem { struct bpf_iter_meta *meta; struct bpf_map *map; void *key, *value; } RELOCATED;

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __type(key, __u32); __type(value, __u64); } numbers SEC(".maps");

SEC("iter/bpf_map_elem")
int prog(struct bpf_iter__bpf_map_elem *ctx)
{
	static const char format[] = "element %d\n";
	__u32 *key = ctx->key;
	if (!key)
		return 0;
	__u64 arguments[] = { *key };
	bpf_seq_printf(ctx->meta->seq, format, sizeof(format), arguments, sizeof(arguments));
	return 0;
}
