// Warms what other kinds of programs use: a kprobe, fentry with its search in
// the kernel's BTF, and XDP.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

static int say(__u64 what)
{
	return bpf_ringbuf_output(&ring, &what, sizeof(what), 0);
}

SEC("kprobe/wake_up_new_task")
int on_kprobe(struct pt_regs *ctx)
{
	say(1);
	return 0;
}

SEC("fentry/wake_up_new_task")
int BPF_PROG(on_fentry, struct task_struct *task)
{
	say(task->pid);
	return 0;
}

SEC("xdp")
int on_packet(struct xdp_md *ctx)
{
	say(ctx->data_end - ctx->data);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
