#include "probe.h"

TELLS("lsm/bprm_check_securities", 0)
