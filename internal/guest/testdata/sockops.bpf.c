#include "probe.h"

TELLS("sockops", 1)
