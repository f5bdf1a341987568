// Warms what most programs use: a tracepoint, a ring buffer, a perf buffer, a
// hash map, a CO-RE read, global variables, bpf_printk.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct record {
	__u32 pid, ppid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} perf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

__u64 total;
const volatile __u32 limit = 3;

SEC("tp/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	__u32 key = ctx->pid;
	__u64 one = 1;

	if (!r)
		return 0;
	r->pid = ctx->pid;
	r->ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, r, sizeof(*r));
	bpf_ringbuf_submit(r, 0);
	bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
	if (++total < limit)
		bpf_printk("exec %d", key);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
