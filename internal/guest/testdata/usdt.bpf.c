#include "probe.h"
#include <bpf/usdt.bpf.h>

SEC("usdt//bin/target:target:greeted")
int BPF_USDT(prog, int times, const char *name, int written)
{
	tell(times * 1000 + written);
	return 0;
}
