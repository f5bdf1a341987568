#include "probe.h"

TELLS("tp_btf/sched_process_exec", 0)
