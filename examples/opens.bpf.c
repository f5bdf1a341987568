/* opens: which files are opened, and does it work?
 *
 * Kind: fexit. The program runs when a kernel function returns and sees its
 * arguments and what it returned, both with their types; nothing has to be
 * remembered between entry and exit, as with a pair of kprobes.
 *
 * Look at: path points into the process's memory, so it is read with
 * bpf_probe_read_user_str. A negative result is an error number: -2 is ENOENT,
 * there is no such file.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct open {
	int pid;
	int result;
	char comm[16];
	char path[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} opens SEC(".maps");

SEC("fexit/do_sys_openat2")
int BPF_PROG(on_open, int dfd, const char *path, struct open_how *how, long result)
{
	struct open *open = bpf_ringbuf_reserve(&opens, sizeof(*open), 0);

	if (!open)
		return 0;
	open->pid = bpf_get_current_pid_tgid() >> 32;
	open->result = result;
	bpf_get_current_comm(open->comm, sizeof(open->comm));
	bpf_probe_read_user_str(open->path, sizeof(open->path), path);
	bpf_ringbuf_submit(open, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
