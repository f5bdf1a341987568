#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f(u32 a, b)
{
	return a;
}

char LICENSE[] SEC("license") = "GPL";
