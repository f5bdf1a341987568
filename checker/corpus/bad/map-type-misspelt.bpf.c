#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HSAH);
	__uint(max_entries, 1);
} m SEC(".maps");

char LICENSE[] SEC("license") = "GPL";
