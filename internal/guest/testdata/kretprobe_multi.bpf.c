#include "probe.h"

TELLS("kretprobe.multi/kernel_clone", 0)
