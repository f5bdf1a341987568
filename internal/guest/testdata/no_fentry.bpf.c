#include "probe.h"

TELLS("fentry/wake_up_new_tusk", 0)
