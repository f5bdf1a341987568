#include "probe.h"

struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } sockets SEC(".maps");

TELLS("sk_msg", 1)
