#include "probe.h"

#define ARENA __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
} arena SEC(".maps");

void ARENA *bpf_arena_alloc_pages(void *map, void ARENA *address, __u32 pages, int node, __u64 flags) __ksym __weak;

struct node { struct node ARENA *next; int value; };

SEC("syscall")
int prog(void *ctx)
{
	struct node ARENA *page = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
	if (!page)
		return 1;
	page[1].value = 42;
	page[0].next = &page[1];
	tell(page->next->value);
	return 0;
}
