// A program that is never run: what the tests want of a machine is its scene.
//
//	clang-19 -target bpf -O2 -c idle.bpf.c -o idle.bpf.o
__attribute__((section("syscall"), used)) int idle(void *ctx)
{
	return 0;
}

__attribute__((section("license"), used)) char _license[] = "GPL";
