/* greetings: what a function of another program is called with.
 *
 * Kind: uprobe. The kernel puts a breakpoint on a function of an ordinary
 * program, here /bin/target of skep's machines, and runs ours whenever any
 * process gets there. BPF_UPROBE takes the arguments out of the registers
 * where the calling convention puts them.
 *
 * Look at: the section name says all of it: which program, which function.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct greeting {
	int pid;
	int times;
	char name[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} greetings SEC(".maps");

SEC("uprobe//bin/target:greet")
int BPF_KPROBE(on_greet, const char *name, int times)
{
	struct greeting greeting = {};

	greeting.pid = bpf_get_current_pid_tgid() >> 32;
	greeting.times = times;
	bpf_probe_read_user_str(greeting.name, sizeof(greeting.name), name);
	bpf_ringbuf_output(&greetings, &greeting, sizeof(greeting), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
