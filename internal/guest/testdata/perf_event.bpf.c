#include "probe.h"

TELLS("perf_event", 0)
