#include "probe.h"

TELLS("fmod_ret/security_task_alloc", 0)
