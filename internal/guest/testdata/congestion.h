// A congestion control that never changes its window.
#include "probe.h"

struct sock;
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	char name[16];
} RELOCATED;

SEC("struct_ops/start") void start(__u64 *ctx) { tell(1); }
SEC("struct_ops/ssthresh") __u32 ssthresh(__u64 *ctx) { return 10; }
SEC("struct_ops/cong_avoid") void cong_avoid(__u64 *ctx) {}
SEC("struct_ops/undo_cwnd") __u32 undo_cwnd(__u64 *ctx) { return 10; }

#define CONGESTION { \
	.init = (void *)start, .ssthresh = (void *)ssthresh, \
	.cong_avoid = (void *)cong_avoid, .undo_cwnd = (void *)undo_cwnd, \
	.name = "skep_test" }
