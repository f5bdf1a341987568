#include "probe.h"

TELLS("lsm.s/bprm_check_security", 0)
