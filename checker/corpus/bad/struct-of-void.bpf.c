#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct record {
	void x;
};

char LICENSE[] SEC("license") = "GPL";
