/* detour: connections to one address go to another.
 *
 * Kind: cgroup/connect4. It belongs to a cgroup, that is to a group of
 * processes, and is called when one of them connects an IPv4 socket; it may
 * change where to. The process does not notice.
 *
 * Look at: user_ip4 and user_port are in network byte order, like everything
 * that goes over the wire. 10.77.0.9 is an address that nobody has; 10.77.0.2
 * is the far end of the machine's veth pair. This scene connects to the first
 * and arrives at the second:
 *
 *	skep run examples/detour.bpf.c --scene examples/detour.scene.yaml
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct connection {
	int pid;
	__u8 wanted[4];
	__u8 got[4];
	__u16 port;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} connections SEC(".maps");

SEC("cgroup/connect4")
int on_connect(struct bpf_sock_addr *ctx)
{
	__u32 wanted = ctx->user_ip4, got = wanted;
	struct connection c = {};

	if (wanted == bpf_htonl(0x0a4d0009)) {
		got = bpf_htonl(0x0a4d0002);
		ctx->user_ip4 = got;
	}
	c.pid = bpf_get_current_pid_tgid() >> 32;
	__builtin_memcpy(c.wanted, &wanted, sizeof(wanted));
	__builtin_memcpy(c.got, &got, sizeof(got));
	c.port = bpf_ntohs(ctx->user_port);
	bpf_get_current_comm(c.comm, sizeof(c.comm));
	bpf_ringbuf_output(&connections, &c, sizeof(c), 0);
	return 1; /* 0 would deny the connection with EPERM */
}

char LICENSE[] SEC("license") = "GPL";
