#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	u32 pid;
	u64 pid;
};

struct record r;

char LICENSE[] SEC("license") = "GPL";
