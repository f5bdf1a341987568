#include "probe.h"

TELLS("netfilter", 1)
