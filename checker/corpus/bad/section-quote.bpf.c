#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC(xdp)
int f(struct xdp_md *ctx)
{
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
