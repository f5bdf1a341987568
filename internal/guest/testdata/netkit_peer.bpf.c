#include "probe.h"

TELLS("netkit/peer", 0)
