#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/do_unlinkat")
int BPF_KPROBE(unlinking, int dfd, struct filename *name)
{
	bpf_printk("%d %s", dfd, name->name);
	return 0;
}

SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(unlinked, long result)
{
	bpf_printk("%ld", result);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
