#include "probe.h"

TELLS("tc/ingress", 0)
