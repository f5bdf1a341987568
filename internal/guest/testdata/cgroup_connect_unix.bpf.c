#include "probe.h"

TELLS("cgroup/connect_unix", 1)
