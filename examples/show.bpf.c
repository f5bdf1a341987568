/* show: look at any value, beside the line that it comes from.
 *
 * Kind: kprobe, but SHOW works in every kind. SHOW(x) takes a number, an
 * array, a struct or a pointer to one, and skep prints it with its type;
 * SHOW_STR(pointer, length) shows text. They are for trying things out: a
 * program that is to stay declares a struct and a ring buffer, as the other
 * examples do.
 *
 * Look at: task is a pointer into the kernel. SHOW reads what it points to
 * without being able to crash, also if the pointer is wrong.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skep.h>

struct name {
	int pid;
	char comm[16];
};

SEC("kprobe/wake_up_new_task")
int BPF_KPROBE(on_new_task, struct task_struct *task)
{
	struct name parent = {};

	parent.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(parent.comm, sizeof(parent.comm));
	SHOW(parent);
	SHOW(BPF_CORE_READ(task, pid));
	SHOW_STR(task->comm, sizeof(task->comm));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
