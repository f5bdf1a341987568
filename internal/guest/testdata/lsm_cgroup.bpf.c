#include "probe.h"

TELLS("lsm_cgroup/socket_create", 1)
