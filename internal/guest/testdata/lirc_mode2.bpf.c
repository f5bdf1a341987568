#include "probe.h"

TELLS("lirc_mode2", 0)
