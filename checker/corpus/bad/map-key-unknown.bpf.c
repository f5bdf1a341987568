#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct nokey);
	__type(value, u46);
} m SEC(".maps");

char LICENSE[] SEC("license") = "GPL";
