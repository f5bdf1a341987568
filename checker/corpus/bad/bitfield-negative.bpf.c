#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	unsigned int x : -1;
};

char LICENSE[] SEC("license") = "GPL";
