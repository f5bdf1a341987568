#include "probe.h"

TELLS("kprobe/wake_up_new_tusk", 0)
