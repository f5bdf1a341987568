#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/f")
int BPF_PROG(on_f, struct file *file, flags_t flags)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
