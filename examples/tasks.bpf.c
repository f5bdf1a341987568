/* tasks: a list of all processes, as the kernel has them.
 *
 * Kind: iterator. It is not called because something happens, but because
 * somebody reads: once for each task, and once more with a null pointer at the
 * end. What it writes with BPF_SEQ_PRINTF is what the reader reads, like a
 * file of /proc of one's own.
 *
 * Look at: the null check on task. Without it the verifier refuses.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

int threads;

SEC("iter/task")
int list(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (!task) {
		BPF_SEQ_PRINTF(seq, "%d threads\n", threads);
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "%8s %8s %s\n", "PID", "TID", "COMMAND");
	BPF_SEQ_PRINTF(seq, "%8d %8d %s\n", task->tgid, task->pid, task->comm);
	threads++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
