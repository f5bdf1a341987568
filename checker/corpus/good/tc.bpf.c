#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int mark(struct __sk_buff *skb)
{
	__u8 byte = 0;

	if (bpf_skb_load_bytes(skb, 14, &byte, sizeof(byte)) < 0)
		return 0;
	skb->mark = byte ?: 7;
	skb->cb[0] = bpf_ntohl(skb->remote_ip4);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
