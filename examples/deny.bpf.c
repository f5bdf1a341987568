/* deny: nobody removes a file whose name begins with "keep".
 *
 * Kind: LSM. The program stands at one of the kernel's security hooks and
 * decides: 0 lets things go on, a negative error number ends them with that
 * error. Whoever calls unlink() sees EPERM, root included.
 *
 * Look at: ret is what the programs before this one decided; a program that
 * ignores it would allow what another has denied. The default scene has no
 * such file; this one does:
 *
 *	skep run examples/deny.bpf.c --scene examples/deny.scene.yaml
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

struct attempt {
	int pid;
	bool denied;
	char comm[16];
	char name[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} attempts SEC(".maps");

SEC("lsm/path_unlink")
int BPF_PROG(on_unlink, const struct path *dir, struct dentry *dentry, int ret)
{
	struct attempt attempt = {};
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	int denied;

	if (ret)
		return ret;
	attempt.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(attempt.comm, sizeof(attempt.comm));
	bpf_probe_read_kernel_str(attempt.name, sizeof(attempt.name), name);
	denied = attempt.name[0] == 'k' && attempt.name[1] == 'e' && attempt.name[2] == 'e' && attempt.name[3] == 'p';
	attempt.denied = denied;
	bpf_ringbuf_output(&attempts, &attempt, sizeof(attempt), 0);
	/* From 6.12 on the verifier wants to see that the result is 0 or an
	 * error number. It would lose sight of that in -denied, which is what
	 * the compiler makes of the next line if it knows that denied is 0 or 1. */
	barrier_var(denied);
	return denied ? -EPERM : 0;
}

char LICENSE[] SEC("license") = "GPL";
