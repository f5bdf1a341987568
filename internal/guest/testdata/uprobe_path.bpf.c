#include "probe.h"

TELLS("uprobe/target:greet+0x0", 0)
