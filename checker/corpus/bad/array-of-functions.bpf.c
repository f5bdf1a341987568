#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int f[3](void);

char LICENSE[] SEC("license") = "GPL";
