#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

enum color { RED, GREEN = 5, BLUE };

union value {
	u64 whole;
	struct {
		u32 low, high;
	};
	u8 bytes[8];
};

struct leaf {
	struct leaf *next;
	enum color color : 8;
	unsigned int flag : 1, rest : 23;
	union value value;
	int (*compare)(const void *a, const void *b);
	u8 tail[];
} __attribute__((packed, aligned(4)));

typedef struct leaf leaf_t;
_Static_assert(sizeof(union value) == 8, "a value has eight bytes");
_Static_assert(__builtin_offsetof(leaf_t, value.high) > 8, "offset");

static __always_inline u32 half(leaf_t *n)
{
	return n->value.low + n->value.bytes[3] + (n->flag ? n->color : RED);
}

SEC("socket")
int filter(struct __sk_buff *skb)
{
	leaf_t n = { .color = BLUE, .value = { .whole = 3 } }, *p = &n;
	union value *v = &p->value;

	return half(p) + v->high + ((union value){ .whole = skb->len }).low;
}

char LICENSE[] SEC("license") = "GPL";
