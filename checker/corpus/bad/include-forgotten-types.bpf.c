#include <bpf/bpf_endian.h>

u32 x;
