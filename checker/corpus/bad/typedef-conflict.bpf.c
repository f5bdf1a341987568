#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef int number;
typedef long number;

char LICENSE[] SEC("license") = "GPL";
