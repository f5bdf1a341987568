#include "probe.h"

TELLS("uprobe.multi//bin/target:target_*", 0)
