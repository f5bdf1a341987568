// Lists the programs that the kernel holds.
#define NO_EVENTS
#include "probe.h"

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id, seq_num; } RELOCATED;
struct bpf_prog_aux { __u32 id; char name[16]; } RELOCATED;
struct bpf_prog { struct bpf_prog_aux *aux; } RELOCATED;
struct bpf_iter__bpf_prog { struct bpf_iter_meta *meta; struct bpf_prog *prog; } RELOCATED;

SEC("iter/bpf_prog")
int list_programs(struct bpf_iter__bpf_prog *ctx)
{
	static const char format[] = "program %s\n";
	struct bpf_prog *program = ctx->prog;
	if (!program)
		return 0;
	__u64 arguments[] = { (__u64)program->aux->name };
	bpf_seq_printf(ctx->meta->seq, format, sizeof(format), arguments, sizeof(arguments));
	return 0;
}
