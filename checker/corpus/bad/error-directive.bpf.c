#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#error this is not for you
int x;

char LICENSE[] SEC("license") = "GPL";
