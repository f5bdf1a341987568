#include "probe.h"

TELLS("kretsyscall/execve", 0)
