/* hello-hell: a socket that hears only the first four letters.
 *
 * Kind: socket filter. It is attached to a socket and called for every packet
 * that arrives there; what it returns is how many bytes of the packet the
 * socket keeps. The packet begins with the UDP header here, because that is
 * where the socket takes over. So a datagram "Hello" becomes "Hell".
 *
 * This scene sends it and prints what arrives:
 *
 *	skep run examples/hello-hell.bpf.c --scene examples/hello-hell.scene.yaml
 *
 * Look at: __sk_buff is not the kernel's struct sk_buff. It is a view that the
 * verifier translates field by field.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define UDP_HEADER 8
#define KEPT       4

struct cut {
	__u16 port;
	__u32 had;
	__u32 left;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} cuts SEC(".maps");

SEC("socket")
int keep_four(struct __sk_buff *skb)
{
	struct cut cut = {};
	struct udphdr udp;

	/* skep attaches socket filters to a packet socket on the loopback
	 * device as well, where other headers come first. */
	if (bpf_skb_load_bytes(skb, 0, &udp, sizeof(udp)) < 0 || bpf_ntohs(udp.len) != skb->len)
		return skb->len;
	if (skb->len <= UDP_HEADER + KEPT)
		return skb->len;
	cut.port = bpf_ntohs(udp.dest);
	cut.had = skb->len - UDP_HEADER;
	cut.left = KEPT;
	bpf_ringbuf_output(&cuts, &cut, sizeof(cut), 0);
	return UDP_HEADER + KEPT;
}

char LICENSE[] SEC("license") = "GPL";
