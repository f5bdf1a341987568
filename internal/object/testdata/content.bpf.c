/* Everything that Read lists: maps with types, a legacy map, globals in all
 * kinds of sections, a subprogram, two programs. */
#include "types.h"

struct key {
	u32 a, b;
};

struct value {
	u64 count;
	char name[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct key);
	__type(value, struct value);
	__uint(max_entries, 128);
} counts SEC(".maps");

struct bpf_map_def {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") old = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 2,
};

const volatile u32 my_pid = 1;
u64 hits;
static u64 misses;
struct value last = {.count = 7};
int tuned SEC(".data.tuned") = 3;

static __noinline int note(struct key *k)
{
	struct value *v = bpf_map_lookup_elem(&counts, k);

	if (!v)
		return 0;
	v->count++;
	last = *v;
	return 1;
}

SEC("tracepoint/syscalls/sys_enter_write")
int on_write(void *ctx)
{
	struct key k = {.a = my_pid, .b = tuned};

	if (note(&k))
		__sync_fetch_and_add(&hits, 1);
	else
		__sync_fetch_and_add(&misses, 1);
	return 0;
}

SEC("xdp")
int drop(void *ctx)
{
	u32 zero = 0;
	u64 *v = bpf_map_lookup_elem(&old, &zero);

	if (v)
		(*v)++;
	return misses ? 1 : 2;
}

char LICENSE[] SEC("license") = "GPL";
