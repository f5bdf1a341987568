#include "probe.h"

TELLS("kprobe.session/kernel_clone", 0)
