#include "probe.h"

TELLS("cgroup_skb/egress", 1)
