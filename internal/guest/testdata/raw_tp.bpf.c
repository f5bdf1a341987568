#include "probe.h"

TELLS("raw_tp/sched_process_exec", 0)
