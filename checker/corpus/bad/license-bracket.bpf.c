#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int x;

char LICENSE[ SEC("license") = "GPL";
