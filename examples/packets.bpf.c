/* packets: count by protocol, and drop one UDP port, before the kernel looks.
 *
 * Kind: XDP. The program is attached to a network device and sees each frame
 * as it arrives, as plain bytes between data and data_end. Every access must
 * be preceded by a comparison with data_end, or the verifier refuses.
 *
 * Look at: the counters are a per-CPU array, so that no two processors ever
 * write the same number; whoever reads adds them up. This scene sends to the
 * port that is dropped and to another one:
 *
 *	skep run examples/packets.bpf.c --scene examples/packets.scene.yaml
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800

/* The UDP port whose packets are dropped: --set blocked=7 */
const volatile __u16 blocked = 9;

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct counter);
} by_protocol SEC(".maps");

__u64 dropped;

SEC("xdp")
int on_frame(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct counter *counter;
	__u32 protocol;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	protocol = ip->protocol;
	counter = bpf_map_lookup_elem(&by_protocol, &protocol);
	if (counter) {
		counter->packets++;
		counter->bytes += end - data;
	}
	if (protocol != IPPROTO_UDP || ip->ihl != 5 || (void *)(udp + 1) > end)
		return XDP_PASS;
	if (udp->dest == bpf_htons(blocked)) {
		__sync_fetch_and_add(&dropped, 1);
		return XDP_DROP;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
