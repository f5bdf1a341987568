#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#endif
int x;

char LICENSE[] SEC("license") = "GPL";
