#include "probe.h"

TELLS("xdp_pass", 2)
