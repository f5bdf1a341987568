/* SHOW and SUBMIT sites of every kind. */
#include "types.h"
#include <skep.h>

struct point {
	int x, y;
	char label[8];
};

static __always_inline void twice(u64 n)
{
	SHOW(n);
}

SEC("kprobe/a") int first(u64 *ctx)
{
	struct point p = {.x = ctx[0], .y = 2}, *q = &p;
	char name[16];
	bool big = ctx[1] > 7;

	bpf_get_current_comm(name, sizeof(name));
	SHOW(p); SHOW(p.x + 1); SHOW(q);
	SHOW_STR(name, 16);
	SHOW(name);
	twice(ctx[2]);
	twice(ctx[3]);
	SHOW(big);
	SUBMIT(q->y);
	SUBMIT_STR(name, ctx[4] & 15);
	return 0;
}

SEC("kprobe/b") int second(u64 *ctx)
{
	if (ctx[0])
		SHOW(ctx);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
