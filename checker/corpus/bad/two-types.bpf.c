#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int long_one(void)
{
	int float x = 3;

	return x;
}

char LICENSE[] SEC("license") = "GPL";
