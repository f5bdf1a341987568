#include "probe.h"

TELLS("ksyscall/execve", 0)
