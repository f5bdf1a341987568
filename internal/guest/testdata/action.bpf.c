#include "probe.h"

TELLS("action", 0)
