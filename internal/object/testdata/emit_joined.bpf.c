/* Pointers that come from one of two places, are spilled, moved or kept over
 * loops, and events that go through several functions. */
#include "types.h"

struct ring_map rb SEC(".maps");
struct perf_map events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 8192);
} heap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10);
	__type(key, u32);
	__type(value, struct started);
} starts SEC(".maps");

struct started {
	u64 ts;
	char name[24];
};

enum kind { OPEN = 1, CLOSE };

struct record {
	enum kind kind;
	u32 size;
	union {
		struct {
			u64 flags;
			char path[256];
		} open;
		struct {
			int fd;
		} close;
	};
	char tail[];
};

const volatile bool has_ringbuf = 1;

/* The ring buffer where there is one, else scratch memory: one variable for
 * both, typed only by the caller. */
static __always_inline void *get(u64 size)
{
	u32 zero = 0;

	if (has_ringbuf)
		return bpf_ringbuf_reserve(&rb, size, 0);
	return bpf_map_lookup_elem(&heap, &zero);
}

static __always_inline void put(void *ctx, void *record, u64 size)
{
	if (has_ringbuf)
		bpf_ringbuf_submit(record, 0);
	else
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, record, size);
}

SEC("tracepoint/a/compat") int compat(void *ctx)
{
	struct record *r = get(sizeof(*r));

	if (!r)
		return 0;
	r->kind = OPEN;
	r->open.flags = bpf_get_prandom_u32();
	bpf_probe_read_user_str(r->open.path, sizeof(r->open.path), ctx);
	put(ctx, r, sizeof(*r));
	return 0;
}

/* A static function that clang inlines into two programs. */
static int ended(void *ctx, int ret)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct started *s = bpf_map_lookup_elem(&starts, &tid);

	if (!s)
		return 0;
	s->ts = bpf_ktime_get_ns() - s->ts;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, s, sizeof(*s));
	bpf_map_delete_elem(&starts, &tid);
	return 0;
}

SEC("kretprobe/a") int ended_a(void *ctx)
{
	return ended(ctx, 1);
}

SEC("kretprobe/b") int ended_b(void *ctx)
{
	return ended(ctx, 2);
}

/* Enough live values that the pointer is spilled. */
SEC("kprobe/spill") int spill(u64 *ctx)
{
	struct started *s;
	u64 a = ctx[0], b = ctx[1], c = ctx[2], d = ctx[3], e = ctx[4], f = ctx[5];

	s = bpf_ringbuf_reserve(&rb, sizeof(*s), 0);
	if (!s)
		return 0;
	s->ts = bpf_ktime_get_ns() + a;
	a += bpf_get_prandom_u32();
	b *= bpf_get_prandom_u32();
	c ^= bpf_get_prandom_u32() + a;
	d -= bpf_get_prandom_u32() + b;
	e += bpf_get_prandom_u32() * c;
	f ^= bpf_get_prandom_u32() - d;
	s->ts += a + b + c + d + e + f + ctx[6] * a + ctx[7] * b;
	bpf_ringbuf_submit(s, 0);
	return a + f;
}

/* In a loop that is not unrolled, and in one that is. */
SEC("kprobe/loop") int loop(u64 *ctx)
{
	struct {
		u32 index;
		u32 value;
	} item;
	u32 i, n = ctx[0] & 1023;

#pragma clang loop unroll(disable)
	for (i = 0; i < n; i++) {
		item.index = i;
		item.value = bpf_get_prandom_u32();
		bpf_ringbuf_output(&rb, &item, sizeof(item), 0);
	}
#pragma unroll
	for (i = 0; i < 3; i++) {
		u64 stamp = bpf_ktime_get_ns() + i;

		bpf_ringbuf_output(&rb, &stamp, sizeof(stamp), 0);
	}
	return 0;
}

/* Down three functions as void pointers. */
static __noinline int third(void *data, u32 size)
{
	return bpf_ringbuf_output(&rb, data, size, 0);
}

static __noinline int second(void *data, u32 size)
{
	return third(data, size) + bpf_get_prandom_u32();
}

SEC("kprobe/deep") int deep(u64 *ctx)
{
	struct started s = {.ts = ctx[1]};
	u16 port = ctx[0];

	second(&s, sizeof(s));
	return second(&port, sizeof(port));
}

/* A callback of bpf_loop gets its record through a context struct. */
struct context {
	u64 sum;
	struct started *s;
};

static long each(u32 index, struct context *c)
{
	bpf_ringbuf_output(&rb, &c->sum, sizeof(c->sum), 0);
	bpf_ringbuf_output(&rb, c->s, sizeof(*c->s), 0);
	return 0;
}

SEC("kprobe/callback") int callback(u64 *ctx)
{
	struct started s = {.ts = ctx[1]};
	struct context c = {.s = &s};

	bpf_loop(4, each, &c, 0);
	return c.sum;
}

char LICENSE[] SEC("license") = "GPL";
