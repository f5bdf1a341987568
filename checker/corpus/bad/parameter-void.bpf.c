#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f(void x)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
