#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f(void)
{
	return 1;
}

int f(void)
{
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
