/* sent: what leaves through a network device.
 *
 * Kind: tc, on the way out. It comes after the network stack, so unlike XDP it
 * has an sk_buff with all that the kernel knows about the packet by then, such
 * as which process's socket it came from.
 *
 * Look at: the same object is attached by tcx on kernels that have it (6.6 and
 * later) and by a clsact queueing discipline on older ones.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TC_ACT_OK 0

struct sent {
	__u16 ethertype;
	__u8 ip_protocol;
	__u32 length;
	__u32 device;
	__u64 socket_cookie;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} packets SEC(".maps");

SEC("tc/egress")
int on_egress(struct __sk_buff *skb)
{
	struct sent sent = {};

	sent.ethertype = bpf_ntohs(skb->protocol);
	sent.length = skb->len;
	sent.device = skb->ifindex;
	sent.socket_cookie = bpf_get_socket_cookie(skb);
	if (sent.ethertype == 0x0800)
		bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + 9, &sent.ip_protocol, 1);
	bpf_ringbuf_output(&packets, &sent, sizeof(sent), 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
