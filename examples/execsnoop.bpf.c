/* execsnoop: who starts which program?
 *
 * Kind: tracepoint. The kernel calls the program each time a process has
 * replaced itself by another program (execve). The program fills a struct and
 * sends it through a perf event array, one of the two ways to send records to
 * user space; skep finds out by the debug information that they are struct
 * exec and shows their fields.
 *
 * Look at: __data_loc_filename. A tracepoint's record has a fixed size, text
 * of any length lies behind it; the lower half of this field says where.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct exec {
	int pid;
	int parent;
	char comm[16];
	char filename[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

SEC("tracepoint/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	unsigned int offset = ctx->__data_loc_filename & 0xffff;
	struct exec exec = {};

	exec.pid = ctx->pid;
	exec.parent = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_current_comm(exec.comm, sizeof(exec.comm));
	bpf_probe_read_kernel_str(exec.filename, sizeof(exec.filename), (void *)ctx + offset);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &exec, sizeof(exec));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
