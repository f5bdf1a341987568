#include "probe.h"

TELLS("frobnicate/me", 0)
