typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef unsigned char __u8;

struct xdp_md {
	__u32 data, data_end;
};

__attribute__((section("xdp"), used))
int drop(struct xdp_md *ctx)
{
	return ctx->data < ctx->data_end ? 1 : 2;
}
