#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f(void)
{
	signed unsigned x = 3;

	return x;
}

char LICENSE[] SEC("license") = "GPL";
