#include "probe.h"

const volatile __u32 wanted = 0;
__u32 seen;
__u64 runs = 5;
__u32 me;

SEC("tp/sched/sched_process_exec")
int prog(void *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	seen = wanted;
	bpf_printk("wanted %d, actor %d", wanted, me);
	tell(me);
	return 0;
}
