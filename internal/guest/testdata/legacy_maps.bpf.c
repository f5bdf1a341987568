// A program with the map definitions of before 2019: section "maps".
#define NO_EVENTS
#include "probe.h"

struct { int type, key_size, value_size, max_entries, map_flags; } counts SEC("maps") = {
	BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0
};

SEC("socket1")
int prog(void *ctx)
{
	__u32 key = 2;
	__u64 *count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	return -1;
}
