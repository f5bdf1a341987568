#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	u32 pid;
	foo_t value;
};

struct record r;

char LICENSE[] SEC("license") = "GPL";
