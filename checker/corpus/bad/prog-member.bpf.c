#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("fentry/vfs_open")
int BPF_PROG(on_open, const struct path *path, struct file *file)
{
	return path->dentri != 0;
}

char LICENSE[] SEC("license") = "GPL";
