#include "probe.h"

TELLS("cgroup/sock_create", 1)
