#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	struct record r;
};

char LICENSE[] SEC("license") = "GPL";
