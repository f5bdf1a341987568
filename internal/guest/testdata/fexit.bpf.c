#include "probe.h"

TELLS("fexit/kernel_clone", 0)
