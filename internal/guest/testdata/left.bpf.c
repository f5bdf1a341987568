// Lists the programs, the links and the maps that the kernel holds.
#define NO_EVENTS
#include "probe.h"

enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC };
enum bpf_link_type { BPF_LINK_TYPE_UNSPEC };
struct bpf_prog_aux { char name[16]; } RELOCATED;
struct bpf_prog { enum bpf_prog_type type; struct bpf_prog_aux *aux; } RELOCATED;
struct bpf_link { enum bpf_link_type type; struct bpf_prog *prog; } RELOCATED;
struct bpf_map { char name[16]; } RELOCATED;

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; } RELOCATED;
struct bpf_iter__bpf_prog { struct bpf_iter_meta *meta; struct bpf_prog *prog; } RELOCATED;
struct bpf_iter__bpf_link { struct bpf_iter_meta *meta; struct bpf_link *link; } RELOCATED;
struct bpf_iter__bpf_map { struct bpf_iter_meta *meta; struct bpf_map *map; } RELOCATED;

#define PRINT(meta, text, ...) \
	({ \
		static const char format[] = text; \
		__u64 arguments[] = { __VA_ARGS__ }; \
		bpf_seq_printf((meta)->seq, format, sizeof(format), arguments, sizeof(arguments)); \
	})

SEC("iter/bpf_prog")
int list_programs(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *program = ctx->prog;
	if (program)
		PRINT(ctx->meta, "program %s of type %d\n", (__u64)program->aux->name, program->type);
	return 0;
}

SEC("iter/bpf_link")
int list_links(struct bpf_iter__bpf_link *ctx)
{
	struct bpf_link *link = ctx->link;
	struct bpf_prog *program = link ? link->prog : 0;
	if (program)
		PRINT(ctx->meta, "link of type %d of program %s\n", link->type, (__u64)program->aux->name);
	return 0;
}

SEC("iter/bpf_map")
int list_maps(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	if (map)
		PRINT(ctx->meta, "map %s\n", (__u64)map->name);
	return 0;
}
