/* writes: a line of text for every write() of one process.
 *
 * Kind: tracepoint of a system call. my_pid is a global variable; whoever
 * loads the program sets it before:
 *
 *	skep run examples/writes.bpf.c --set my_pid=@main
 *
 * @main is the process id of the scene's first process. Left at 0, every
 * process counts.
 *
 * Look at: bpf_printk writes into the kernel's trace buffer, where all
 * programs of a machine write; it is for trying things out.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

const volatile int my_pid = 0;
int calls;
__u64 bytes;

SEC("tracepoint/syscalls/sys_enter_write")
int on_write(struct trace_event_raw_sys_enter *ctx)
{
	int pid = bpf_get_current_pid_tgid() >> 32;

	if (my_pid && pid != my_pid)
		return 0;
	calls++;
	bytes += ctx->args[2];
	bpf_printk("pid %d writes %lu bytes to descriptor %lu", pid, ctx->args[2], ctx->args[0]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
