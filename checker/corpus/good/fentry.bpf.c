#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/do_unlinkat")
int BPF_PROG(unlinking, int dfd, struct filename *name)
{
	return dfd < 0 && name ? 1 : 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(unlinked, int dfd, struct filename *name, long result)
{
	return result < 0;
}

char LICENSE[] SEC("license") = "GPL";
