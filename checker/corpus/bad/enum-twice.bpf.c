#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

enum first { RED, GREEN };
enum second { BLUE, RED };

char LICENSE[] SEC("license") = "GPL";
