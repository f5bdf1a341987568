/* latency: how long do tasks wait for the processor once they could run?
 *
 * Kind: tp_btf, a tracepoint whose arguments come as typed pointers. When a
 * task is woken its time is noted under its pid; when it gets the processor the
 * difference goes into a histogram of powers of two.
 *
 * Look at: nothing is sent to user space. The answer stands in a map at the
 * end, which costs far less than an event for every switch.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 32

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, int);
	__type(value, __u64);
} woken SEC(".maps");

/* waits[n] counts the waits of 2^n to 2^(n+1) - 1 microseconds. */
__u64 waits[SLOTS];

static int log2_of(__u64 value)
{
	int n = 0;

	for (int step = 16; step; step /= 2) {
		if (value >> step) {
			value >>= step;
			n += step;
		}
	}
	return n;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	int pid = task->pid;
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&woken, &pid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	int pid = next->pid;
	__u64 *since = bpf_map_lookup_elem(&woken, &pid);

	if (!since)
		return 0;
	__sync_fetch_and_add(&waits[log2_of((bpf_ktime_get_ns() - *since) / 1000) & (SLOTS - 1)], 1);
	bpf_map_delete_elem(&woken, &pid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
