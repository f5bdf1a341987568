#include "probe.h"

TELLS("uprobe.session//bin/target:greet", 0)
