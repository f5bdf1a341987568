#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	_uint(type, BPF_MAP_TYPE_HASH);
} m SEC(".maps");

char LICENSE[] SEC("license") = "GPL";
