/* old-maps: a map without types, as programs had them before BTF.
 *
 * Kind: socket filter on the loopback device. The section "maps" is a plain
 * array of five numbers a map; a loader reads it out of the object, creates
 * the maps, and puts their descriptors into the instructions that refer to
 * them. libbpf gave it up in 1.0, old objects are full of it.
 *
 * Look at: the record is a plain __u64, a time stamp for every packet, and the
 * object knows that, too.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct old_map {
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 flags;
};

struct old_map events SEC("maps") = {
	.type = BPF_MAP_TYPE_PERF_EVENT_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 64,
};

SEC("socket")
int stamp(struct __sk_buff *skb)
{
	__u64 time = bpf_ktime_get_ns();

	bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, &time, sizeof(time));
	return skb->len; /* keep all of the packet; 0 would drop it */
}

char LICENSE[] SEC("license") = "GPL";
