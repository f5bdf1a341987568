#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	u32 pid;
}

int f(struct record *r)
{
	return r->pid;
}

char LICENSE[] SEC("license") = "GPL";
