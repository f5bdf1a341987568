#include "probe.h"

TELLS("socket", -1)
