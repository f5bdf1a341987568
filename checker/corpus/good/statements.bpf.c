#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })

static int classify(int n)
{
	switch (n) {
	case 0 ... 9:
		return 1;
	case 10: case 11:
		n++;
	default:
		break;
	}
	return max(n, 3);
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	int n = classify(ctx->sample_period), m;

	m = n > 3 ? n : -n, n <<= 1;
	return !(n ^ m) || ~n & 1 ? n % 3 : m >> 2;
}

char LICENSE[] SEC("license") = "GPL";
