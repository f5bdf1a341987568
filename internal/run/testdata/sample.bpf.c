// Made by: clang-19 -O2 -g -target bpf -fdebug-compilation-dir=. -c sample.bpf.c -o sample.bpf.o
typedef unsigned int __u32;
typedef unsigned long long __u64;
#define SEC(name) __attribute__((section(name), used))
static long (*const bpf_ringbuf_output)(void *map, void *data, __u64 size, __u64 flags) = (void *)130;

struct event {
	int pid;
	char comm[16];
};

struct other {
	__u64 whole;
};

struct {
	int (*type)[27];
	int (*max_entries)[4096];
} events SEC(".maps");

struct {
	int (*type)[1];
	int (*max_entries)[16];
	int *key;
	__u64 *value;
} counts SEC(".maps");

int calls;
int limit;
struct other unused;

SEC("tp/sched/sched_process_exec") int on_exec(void *ctx)
{
	struct event event = { .pid = ++calls };

	if (calls < limit || unused.whole)
		return 0;
	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
