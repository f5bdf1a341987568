#include "probe.h"

TELLS("kprobe/native_write_cr2", 0)
