#include "probe.h"

TELLS("kprobe/notify_die", 0)
