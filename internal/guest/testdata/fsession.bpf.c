#include "probe.h"

TELLS("fsession/kernel_clone", 0)
