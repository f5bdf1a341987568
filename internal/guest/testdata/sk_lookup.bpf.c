#include "probe.h"

TELLS("sk_lookup", 1)
