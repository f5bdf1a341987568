#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#ifdef NOTHING
int x;

char LICENSE[] SEC("license") = "GPL";
