#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

counter = 3;

char LICENSE[] SEC("license") = "GPL";
