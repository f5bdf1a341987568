#include "probe.h"

TELLS("xdp", 2)
