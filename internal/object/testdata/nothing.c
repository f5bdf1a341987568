/* Objects in which there is nothing to load, or hardly anything, one per
 * define. Also compiled for
 * other targets, hence without any header. */
#define SEC(name) __attribute__((section(name), used))

#if defined(NO_CODE)
int alone = 1;
#elif defined(STATIC_MAP)
static struct {
	int (*type)[1];
	int (*key)[4];
} map SEC(".maps");
SEC("xdp") int program(void *ctx)
{
	return ((long (*)(void *, void *))1)(&map, ctx) ? 1 : 2;
}
#elif defined(HUGE_BSS)
char huge[1u << 31];
SEC("xdp") int program(void *ctx)
{
	return huge[5];
}
#elif defined(PLAIN)
SEC("xdp") int program(void *ctx)
{
	return ctx ? 1 : 2;
}
#else
int lonely(void *ctx)
{
	return ctx ? 1 : 2;
}
#endif
