/* Records in globals and map values, behind parameters, and with packets. */
#include "types.h"

struct perf_map events SEC(".maps");
struct ring_map rb SEC(".maps");

struct event {
	u32 kind;
	u32 number;
	char text[120];
};

struct small {
	u16 a, b;
};

union both {
	struct small s;
	u64 whole;
};

typedef struct {
	u64 when;
	union both what;
} stamp_t;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct event);
	__uint(max_entries, 1);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u8[256]);
	__uint(max_entries, 1);
} bytes SEC(".maps");

struct event global_event;
static stamp_t stamps[4] = {{.when = 1}};
const struct small fixed = {1, 2};
static char heap[512];

SEC("tracepoint/a/globals") int globals(void *ctx)
{
	struct event *view;

	global_event.kind = 1;
	bpf_ringbuf_output(&rb, &global_event, sizeof(global_event), 0);
	stamps[2].when = bpf_ktime_get_ns();
	bpf_ringbuf_output(&rb, &stamps[2], sizeof(stamps[2]), 0);
	bpf_ringbuf_output(&rb, stamps, sizeof(stamps), 0);
	bpf_ringbuf_output(&rb, &stamps[1].what, sizeof(stamps[1].what), 0);
	bpf_ringbuf_output(&rb, (void *)&fixed, sizeof(fixed), 0);
	view = (struct event *)heap;
	view->kind = bpf_get_prandom_u32();
	bpf_ringbuf_output(&rb, view, sizeof(*view), 0);
	bpf_ringbuf_output(&rb, "constant", 9, 0);
	return 0;
}

SEC("tracepoint/a/values") int values(void *ctx)
{
	u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);
	struct small *view;
	void *raw;

	if (!e)
		return 0;
	e->kind = 2;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e->text, sizeof(e->text));
	raw = bpf_map_lookup_elem(&scratch, &zero);
	if (raw)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, raw, sizeof(*e));
	view = bpf_map_lookup_elem(&bytes, &zero);
	if (view) {
		view->a = 1;
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, view, sizeof(*view));
	}
	return 0;
}

static __noinline int send(void *ctx, struct event *e)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
}

static __noinline int send_any(void *ctx, void *data, u64 size)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, data, size & 0xff);
}

static __noinline int send_sized(void *ctx, void *data, u32 size)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, data, size);
}

SEC("tracepoint/a/calls") int calls(void *ctx)
{
	struct event e = {.kind = bpf_get_prandom_u32()};
	stamp_t s = {.when = bpf_ktime_get_ns()};
	u32 n = bpf_get_prandom_u32();

	send(ctx, &e);
	send_sized(ctx, &s, sizeof(s));
	send_sized(ctx, &n, sizeof(n));
	return 0;
}

SEC("kprobe/calls") int calls_again(void *ctx)
{
	struct small s = {1, bpf_get_prandom_u32()};
	struct event e = {.kind = bpf_get_prandom_u32()};

	send_sized(ctx, &s, sizeof(s));
	send_any(ctx, &s, sizeof(s));
	return send(ctx, &e);
}

/* Two places for the same record. */
SEC("kprobe/either") int either(void *ctx)
{
	u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);

	if (!e)
		e = &global_event;
	e->number++;
	bpf_ringbuf_output(&rb, e, sizeof(*e), 0);
	return 0;
}

/* Packet bytes behind the record. */
SEC("xdp") int packets(void *ctx)
{
	stamp_t s = {.when = bpf_ktime_get_ns()};
	u64 n = bpf_get_prandom_u32() & 63;

	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 64ULL << 32, &s, sizeof(s));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | n << 32, &s, sizeof(s));
	return 2;
}

/* Kernel memory that is put out as it is. */
SEC("kprobe/task") int task(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct task_struct copy;

	bpf_probe_read_kernel(&copy, sizeof(copy), t);
	bpf_ringbuf_output(&rb, &copy, sizeof(copy), 0);
	bpf_ringbuf_output(&rb, &t, sizeof(t), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
