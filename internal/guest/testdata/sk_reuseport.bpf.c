#include "probe.h"

TELLS("sk_reuseport", 1)
