// More instructions to verify than the kernel allows, with a long log.
#include "probe.h"

SEC("tp/sched/sched_process_exec")
int prog(void *ctx)
{
	volatile __u64 sum = 0;
	for (__u32 i = 0; i < 10000000; i++)
		sum += i;
	tell(sum);
	return 0;
}
