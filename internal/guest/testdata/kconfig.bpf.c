#include "probe.h"

// What the running kernel was built with; the loader fills it in.
extern int CONFIG_HZ __kconfig;
extern int LINUX_KERNEL_VERSION __kconfig;

SEC("tracepoint/sched/sched_process_exec")
int prog(void *ctx)
{
	if (CONFIG_HZ > 0 && LINUX_KERNEL_VERSION > 0)
		tell(CONFIG_HZ);
	return 0;
}
