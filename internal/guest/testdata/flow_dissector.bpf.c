#include "probe.h"

TELLS("flow_dissector", 129)
