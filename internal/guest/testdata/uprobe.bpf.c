#include "probe.h"

TELLS("uprobe//bin/target:target_fn", 0)
