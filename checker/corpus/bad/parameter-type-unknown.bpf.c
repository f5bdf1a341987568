#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tp/x/y")
int f(struct whatever_t *a, strng b)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
