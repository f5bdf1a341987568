#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef int number;
int number;

char LICENSE[] SEC("license") = "GPL";
