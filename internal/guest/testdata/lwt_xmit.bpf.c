#include "probe.h"

TELLS("lwt_xmit", 0)
