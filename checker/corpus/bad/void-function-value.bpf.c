#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

void f(void)
{
	return 2;
}

char LICENSE[] SEC("license") = "GPL";
