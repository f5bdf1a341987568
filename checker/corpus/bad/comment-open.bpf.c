#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int x;
/* and so on
int y;
