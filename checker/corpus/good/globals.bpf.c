#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

const volatile int wanted = 7;
volatile u64 seen;
static int table[4] = { 1, 2, [3] = 4 };
const char greeting[] = "hello" " world";
extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_JIT __kconfig __weak;

SEC("raw_tp/sys_enter")
int count(struct bpf_raw_tracepoint_args *ctx)
{
	if (ctx->args[1] == wanted && LINUX_KERNEL_VERSION > 0 && CONFIG_BPF_JIT)
		seen += table[ctx->args[0] & 3] + sizeof(greeting);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
