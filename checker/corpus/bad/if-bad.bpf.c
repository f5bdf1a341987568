#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#if 1 +
int x;
#endif

char LICENSE[] SEC("license") = "GPL";
