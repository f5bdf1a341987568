#include "probe.h"

TELLS("kretprobe/kernel_clone", 0)
