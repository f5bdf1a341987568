#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define FIELD(name) e.name
#define JOIN(a, b) a##b
#define LIST(...) { __VA_ARGS__ }
#define LOG(format, ...) bpf_printk("log: " format, ##__VA_ARGS__)
#if defined(FIELD) && !defined(NOTHING) && __clang_major__ >= 12
#define WIDTH 4
#else
#error unreachable
#endif

struct pair {
	int first_value, second_value;
};

SEC("tp/syscalls/sys_enter_openat")
int opened(struct syscall_trace_enter *ctx)
{
	struct pair e = LIST(1, 2);
	int JOIN(under, score)[WIDTH] = LIST(1, 2, 3, __LINE__);

	LOG("plain");
	LOG("%d %s", FIELD(first_value) + underscore[0], __func__);
	return ctx->nr;
}

char LICENSE[] SEC("license") = "GPL";
