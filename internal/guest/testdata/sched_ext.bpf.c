#include "probe.h"

struct sched_ext_ops {
	__s32 (*init)(void);
	__u32 timeout_ms;
	char name[128];
} RELOCATED;

SEC("struct_ops.s/start") __s32 start(__u64 *ctx) { tell(1); return 0; }

SEC(".struct_ops.link")
struct sched_ext_ops skep_test = { .init = (void *)start, .name = "skep_test" };
