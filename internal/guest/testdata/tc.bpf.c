#include "probe.h"

TELLS("tc", 0)
