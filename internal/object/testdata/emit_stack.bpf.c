/* Records on the stack. */
#include "types.h"

struct perf_map events SEC(".maps");
struct ring_map rb SEC(".maps");

struct exec_event {
	u32 pid;
	u32 uid;
	char comm[16];
};

struct exit_event {
	u64 ts;
	u32 code : 3, signal : 5;
};

/* One struct, all members set. */
SEC("tracepoint/a/one") int one(void *ctx)
{
	struct exec_event e = {};

	e.pid = bpf_get_current_pid_tgid();
	e.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

static __always_inline void emit(void *ctx, u32 pid)
{
	struct exec_event inner = {.pid = pid};

	bpf_get_current_comm(inner.comm, sizeof(inner.comm));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &inner, sizeof(inner));
}

/* Inlined twice, and a second type into the same map. */
SEC("tracepoint/a/two") int two(void *ctx)
{
	struct exit_event last = {.ts = bpf_ktime_get_ns()};

	emit(ctx, 1);
	last.signal = 9;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &last, sizeof(last));
	emit(ctx, 2);
	return 0;
}

/* A scalar and an array. */
SEC("tracepoint/a/small") int small(void *ctx)
{
	u64 ts = bpf_ktime_get_ns();
	char buf[64] = {};

	bpf_ringbuf_output(&rb, &ts, sizeof(ts), 0);
	bpf_get_current_comm(buf, 16);
	bpf_ringbuf_output(&rb, buf, sizeof(buf), 0);
	return 0;
}

/* Only part of it, of constant and of variable size. */
SEC("tracepoint/a/part") int part(void *ctx)
{
	struct {
		u32 length;
		char text[60];
	} line = {};
	u64 n;

	bpf_get_current_comm(line.text, 16);
	bpf_ringbuf_output(&rb, &line, 20, 0);
	bpf_ringbuf_output(&rb, line.text, sizeof(line.text), 0);
	n = bpf_get_prandom_u32() & 31;
	line.length = n;
	bpf_ringbuf_output(&rb, &line, 4 + n, 0);
	return 0;
}

/* The tails of both branches are merged into one call. */
SEC("tracepoint/a/branch") int branch(void *ctx)
{
	struct exec_event started = {.pid = 1};
	struct exit_event ended = {.ts = 2};

	if (bpf_get_prandom_u32() & 1) {
		started.uid = bpf_get_current_uid_gid();
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &started, sizeof(started));
	} else {
		ended.ts = bpf_ktime_get_ns();
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &ended, sizeof(ended));
	}
	return 0;
}

/* Blocks whose variables share stack slots. */
SEC("tracepoint/a/blocks") int blocks(void *ctx)
{
	{
		struct exec_event first = {.pid = 1};

		bpf_get_current_comm(first.comm, sizeof(first.comm));
		bpf_ringbuf_output(&rb, &first, sizeof(first), 0);
	}
	{
		struct {
			u64 a, b, c;
		} second = {.a = bpf_ktime_get_ns()};

		bpf_ringbuf_output(&rb, &second, sizeof(second), 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
