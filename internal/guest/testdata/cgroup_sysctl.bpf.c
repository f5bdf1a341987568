#include "probe.h"

TELLS("cgroup/sysctl", 1)
