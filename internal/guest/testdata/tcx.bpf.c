#include "probe.h"

TELLS("tcx/egress", 0)
