#include "probe.h"

struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };

__attribute__((noinline)) int decide(struct xdp_md *ctx)
{
	volatile int verdict = 2;
	return verdict;
}

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	return decide(ctx);
}

SEC("freplace/decide")
int decide_anew(struct xdp_md *ctx)
{
	tell(1);
	return 2;
}
