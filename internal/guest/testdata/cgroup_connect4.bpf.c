#include "probe.h"

TELLS("cgroup/connect4", 1)
