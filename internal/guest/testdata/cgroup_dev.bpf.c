#include "probe.h"

TELLS("cgroup/dev", 1)
