#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

static extern int x;

char LICENSE[] SEC("license") = "GPL";
