#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("lsm/file_open")
int BPF_PROG(open_hook, struct file *file, int ret)
{
	if (ret)
		return ret;
	return file->f_inode->i_ino == 1 ? -1 : 0;
}

char LICENSE[] SEC("license") = "GPL";
