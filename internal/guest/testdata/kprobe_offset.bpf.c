#include "probe.h"

TELLS("kprobe/do_unlinkat+0x0", 0)
