#include "probe.h"

TELLS("uretprobe.multi//bin/target:greet", 0)
