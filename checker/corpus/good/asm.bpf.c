#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress")
int pass(struct __sk_buff *skb)
{
	u64 length = skb->len;

	asm volatile("%[l] &= 0xff" : [l] "+r"(length));
	asm volatile("" ::: "memory");
	return length < 256;
}

char LICENSE[] SEC("license") = "GPL";
