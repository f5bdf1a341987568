#include "probe.h"

TELLS("syscall", 0)
