#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f(int x);

int f(long x, int y)
{
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
