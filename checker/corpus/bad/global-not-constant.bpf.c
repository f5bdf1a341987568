#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int a = 3;
int b = a;

char LICENSE[] SEC("license") = "GPL";
