#include "probe.h"

TELLS("kprobe", 0)
