#include "probe.h"

TELLS("tracepoint/sched/sched_process_exce", 0)
