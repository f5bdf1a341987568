#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#if 1
#else
#else
#endif
int x;

char LICENSE[] SEC("license") = "GPL";
