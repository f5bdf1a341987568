#include "probe.h"

int bpf_strcmp(const char *a, const char *b) __ksym;

SEC("tp_btf/sched_process_exec")
int prog(void *ctx)
{
	tell(bpf_strcmp("same", "same"));
	return 0;
}
