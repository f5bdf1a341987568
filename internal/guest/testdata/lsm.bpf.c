#include "probe.h"

TELLS("lsm/bprm_check_security", 0)
