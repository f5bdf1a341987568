#include "probe.h"

TELLS("fentry/wake_up_new_task", 0)
