#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	u32 pid;
};

struct record {
	u64 pid;
};

char LICENSE[] SEC("license") = "GPL";
