/* Several types into one map, among them two of the same size, one of variable
 * size, and records of which nothing is known. */
#include "types.h"

struct perf_map events SEC(".maps");
struct ring_map rb SEC(".maps");
struct ring_map blind SEC(".maps");

struct open_event {
	u64 ts;
	u32 pid;
	u32 flags;
};

struct close_event {
	u64 ts;
	u64 fd;
};

typedef struct {
	u32 pid;
	u8 arguments[96];
} exec_event;

struct never_sent {
	u8 raw[40];
};

struct never_sent unused_but_there;

SEC("tracepoint/a/opened") int opened(void *ctx)
{
	struct open_event e = {.ts = bpf_ktime_get_ns()};

	bpf_ringbuf_output(&rb, &e, sizeof(e), 0);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

SEC("tracepoint/a/closed") int closed(void *ctx)
{
	struct close_event e = {.fd = bpf_get_prandom_u32()};

	bpf_ringbuf_output(&rb, &e, sizeof(e), 0);
	return 0;
}

SEC("tracepoint/a/executed") int executed(void *ctx)
{
	exec_event e = {.pid = 1};
	u64 n = bpf_get_prandom_u32() & 63;

	bpf_ringbuf_output(&rb, &e, 4 + n, 0);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

SEC("tracepoint/a/unknown") int unknown(void *ctx)
{
	unused_but_there.raw[0]++;
	bpf_ringbuf_output(&blind, ctx, 40, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
