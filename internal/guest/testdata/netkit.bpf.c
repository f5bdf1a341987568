#include "probe.h"

TELLS("netkit/primary", 0)
