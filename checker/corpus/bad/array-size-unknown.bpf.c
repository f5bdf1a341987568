#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f(void)
{
	int a[];

	return a[0];
}

char LICENSE[] SEC("license") = "GPL";
