#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <skep.h>

struct point { int x; long y; char name[16]; };
enum colour { RED, GREEN };
struct point global = { 1, 2, "global" };
const volatile int answer = 42;
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct point);
} points SEC(".maps");

#define LOUD(x) do { SHOW(x); SHOW((x) * 2); } while (0)

static __always_inline void twice(int n)
{
	SHOW(n); SHOW("literal");
}

static __noinline int arrays(const char name[16], volatile int *number)
{
	SHOW(name);
	SHOW(*number);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int show(struct trace_event_raw_sched_process_exec *ctx)
{
	struct point p; /* with padding that nothing writes */
	struct { int a; union { int b; char c[4]; }; } anonymous = { 1 };
	enum colour colour = GREEN;
	bool yes = true;
	u8 small = 200;
	s64 negative = -5;
	__int128 wide = 7;
	int zero = 0, numbers[2][3] = { { 1, 2, 3 } };
	void *pointer = ctx;
	struct iphdr ip = {};
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct point *e;

	p.x = 3;
	p.y = 4;
	ip.ihl = 5;
	/* Scalars: of a context, constant, bit-fields, computed. */
	SHOW(ctx->pid);
	SHOW(answer); SHOW(colour); SHOW(yes); SHOW(small); SHOW(negative); SHOW(wide);
	SHOW(ip.ihl); SHOW(ip.ihl * 4); SHOW(task->in_iowait);
	SHOW(zero++);
	SHOW(pointer); SHOW((char *)pointer); SHOW(&zero);
	/* Aggregates: on the stack, in a map, global, in the kernel, without a name. */
	SHOW(p); SHOW(&p); SHOW(p.name); SHOW(numbers); SHOW(numbers[1]); SHOW(anonymous);
	SHOW(global); SHOW(global.name);
	SHOW(ip);
	SHOW(*ctx);
	SHOW(task->comm); SHOW(task->cred); SHOW(*task->cred);
	SHOW(((struct point){ 5, 6 }));
	e = bpf_map_lookup_elem(&points, &zero);
	if (e)
		SHOW(e);
	else
		SHOW(0);
	SHOW(BPF_CORE_READ(task, real_parent, tgid));
	/* Bytes. */
	SHOW_STR((char *)ctx + (ctx->__data_loc_filename & 0xffff), ctx->__data_loc_filename >> 16);
	SHOW_STR(task->comm, sizeof(task->comm)); SHOW_STR("text", 4);
	/* What cannot be read, and odd lengths. */
	SHOW((struct point *)8); SHOW_STR((void *)8, 5000); SHOW_STR(p.name, -1);
	SUBMIT(negative); SUBMIT_STR(task->comm, zero);
	LOUD(zero);
	twice(1); twice(2);
	arrays(p.name, &zero);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
