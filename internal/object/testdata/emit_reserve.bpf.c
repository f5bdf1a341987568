/* Records reserved in the ring buffer. */
#include "types.h"

struct ring_map rb SEC(".maps");
struct ring_map other SEC(".maps");

struct exec_event {
	u32 pid;
	char comm[16];
};

typedef struct {
	u64 ts;
	u8 raw[8];
} stamp_t;

SEC("tracepoint/a/plain") int plain(void *ctx)
{
	struct exec_event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);

	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

static __always_inline void *take(u64 size)
{
	return bpf_ringbuf_reserve(&rb, size, 0);
}

/* Two types through one inlined function that knows none. */
SEC("tracepoint/a/untyped") int untyped(void *ctx)
{
	struct exec_event *e = take(sizeof(*e));
	stamp_t *t;

	if (e) {
		e->pid = 3;
		bpf_ringbuf_submit(e, 0);
	}
	t = take(sizeof(*t));
	if (t) {
		t->ts = bpf_ktime_get_ns();
		bpf_ringbuf_submit(t, 0);
	}
	return 0;
}

/* Local type, a header with a tail, and a scalar. */
SEC("tracepoint/a/odd") int odd(void *ctx)
{
	struct local {
		u32 a;
		union {
			u32 b;
			u8 c[4];
		};
	} *l = bpf_ringbuf_reserve(&rb, sizeof(*l), 0);
	struct exec_event *tail;
	u64 *number;

	if (l) {
		l->a = l->b = 1;
		bpf_ringbuf_submit(l, 0);
	}
	tail = bpf_ringbuf_reserve(&other, sizeof(*tail) + 100, 0);
	if (tail) {
		tail->pid = 7;
		bpf_ringbuf_submit(tail, 0);
	}
	number = bpf_ringbuf_reserve(&rb, sizeof(*number) * 4, 0);
	if (number) {
		number[0] = number[3] = 1;
		bpf_ringbuf_submit(number, 0);
	}
	return 0;
}

/* The record goes through a function that is called, not inlined. */
static __noinline int complete(struct exec_event *e)
{
	e->pid = bpf_get_current_pid_tgid();
	return bpf_get_current_comm(e->comm, sizeof(e->comm));
}

SEC("tracepoint/a/filled") int filled(void *ctx)
{
	void *p = bpf_ringbuf_reserve(&rb, sizeof(struct exec_event), 0);

	if (!p)
		return 0;
	complete(p);
	bpf_ringbuf_submit(p, 0);
	return 0;
}

/* dynptr: what is written, and what a slice is taken for. */
SEC("tracepoint/a/dyn") int dyn(void *ctx)
{
	struct exec_event e = {.pid = 1};
	stamp_t *t;
	struct {
		u64 opaque[2];
	} a, b;

	bpf_ringbuf_reserve_dynptr(&rb, sizeof(e), 0, (void *)&a);
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	bpf_dynptr_write((void *)&a, 0, &e, sizeof(e), 0);
	bpf_ringbuf_submit_dynptr((void *)&a, 0);

	bpf_ringbuf_reserve_dynptr(&rb, sizeof(*t), 0, (void *)&b);
	t = bpf_dynptr_data((void *)&b, 0, sizeof(*t));
	if (t)
		t->ts = bpf_ktime_get_ns();
	bpf_ringbuf_submit_dynptr((void *)&b, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
