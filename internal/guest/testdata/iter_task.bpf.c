#define NO_EVENTS
#include "probe.h"

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id, seq_num; } RELOCATED;
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; } RELOCATED;

SEC("iter/task")
int prog(struct bpf_iter__task *ctx)
{
	static const char format[] = "%d %s\n";
	struct task_struct *task = ctx->task;
	if (!task)
		return 0;
	__u64 arguments[] = { task->pid, (__u64)task->comm };
	bpf_seq_printf(ctx->meta->seq, format, sizeof(format), arguments, sizeof(arguments));
	return 0;
}
