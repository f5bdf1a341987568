#include "probe.h"

TELLS("classifier/legacy", 0)
