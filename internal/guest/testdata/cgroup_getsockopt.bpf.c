#include "probe.h"

TELLS("cgroup/getsockopt", 1)
