#include "probe.h"

TELLS("uretprobe//bin/target:target_fn", 0)
