// Says more than anyone can read: several events and lines for every tick of
// work and every system call.
#include "probe.h"

SEC("raw_tp/sys_enter")
int prog(void *ctx)
{
	for (int i = 0; i < 64; i++)
		tell(i);
	bpf_printk("flood");
	bpf_printk("flood");
	return 0;
}

SEC("perf_event")
int ticks(void *ctx)
{
	for (int i = 0; i < 64; i++)
		tell(i);
	return 0;
}
