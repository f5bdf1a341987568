#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	unsigned int x : 33;
};

char LICENSE[] SEC("license") = "GPL";
