#include "probe.h"

TELLS("kprobe.multi/wake_up_new_tas*", 0)
