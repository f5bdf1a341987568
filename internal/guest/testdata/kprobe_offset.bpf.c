#include "probe.h"

TELLS("kprobe/wake_up_new_task+0x0", 0)
