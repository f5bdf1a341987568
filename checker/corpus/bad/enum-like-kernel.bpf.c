#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

enum verdict { XDP_PASS, XDP_DROP };

char LICENSE[] SEC("license") = "GPL";
