#include "probe.h"

TELLS("lwt_out", 0)
