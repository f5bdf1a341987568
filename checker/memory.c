/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: an arena that grows upwards and is given back as a whole, when the host restores the state behind the
 * headers. Within a check freed blocks are used again by size, so that a source needs memory for what it holds and
 * not for every token that was ever read.
 */
enum {
	MEMORY_MAX = 64 << 20,
	GRAIN = 16,
	SMALL_MAX = 1024,
};

struct block {
	unsigned size; /* usable bytes */
	unsigned unused; /* keeps what is given away aligned to 8 */
	struct block *next_free;
};

static unsigned char *arena_at, *arena_end;
static struct block *free_blocks[SMALL_MAX / GRAIN + 1];

static void out_of_memory(void) __attribute__((noreturn));

#ifdef __wasm__
extern unsigned char __heap_base;
enum { WASM_PAGE = 65536 };

static unsigned char *memory_begin(void)
{
	return &__heap_base;
}

/* Makes memory usable up to an address; false if that is more than there may be. */
static int memory_grow(unsigned char *end)
{
	unsigned long have = __builtin_wasm_memory_size(0) * WASM_PAGE, want = (unsigned long)end;

	if (want > MEMORY_MAX || want < (unsigned long)&__heap_base)
		return 0;
	if (want > have) {
		/* In larger steps: some hosts copy all of it each time. */
		unsigned long more = want - have > have / 4 ? want - have : have / 4;

		if (have + more > MEMORY_MAX)
			more = MEMORY_MAX - have;
		if (__builtin_wasm_memory_grow(0, (more + WASM_PAGE - 1) / WASM_PAGE) == (unsigned long)-1)
			return 0;
	}
	arena_end = (unsigned char *)(__builtin_wasm_memory_size(0) * WASM_PAGE);
	return 1;
}
#else
/* The native build, for debuggers and sanitizers. */
static unsigned char native_memory[MEMORY_MAX] __attribute__((aligned(16)));

static unsigned char *memory_begin(void)
{
	return native_memory;
}

static int memory_grow(unsigned char *end)
{
	arena_end = native_memory + MEMORY_MAX;
	return end <= arena_end;
}
#endif

static unsigned char *arena_take(unsigned long n)
{
	unsigned char *p;

	if (!arena_at)
		arena_at = (unsigned char *)(((uintptr_t)memory_begin() + GRAIN - 1) & ~(uintptr_t)(GRAIN - 1));
	p = arena_at;
	if (n > MEMORY_MAX || (p + n > arena_end && !memory_grow(p + n)))
		out_of_memory();
	arena_at = p + n;
	return p;
}

static unsigned long rounded(unsigned long n)
{
	if (n < sizeof(struct block *))
		n = sizeof(struct block *);
	return (n + offsetof(struct block, next_free) + GRAIN - 1) & ~(unsigned long)(GRAIN - 1);
}

static struct block *block_of(void *p)
{
	/* Only the size lies before the pointer; next_free is inside of what was given away. */
	return (struct block *)((char *)p - offsetof(struct block, next_free));
}

void *tcc_malloc(unsigned long n)
{
	unsigned long whole = rounded(n);
	struct block *b;

	if (n > MEMORY_MAX)
		out_of_memory();
	if (whole <= SMALL_MAX && (b = free_blocks[whole / GRAIN])) {
		free_blocks[whole / GRAIN] = b->next_free;
	} else {
		b = (struct block *)arena_take(whole);
		b->size = whole - offsetof(struct block, next_free);
	}
	return &b->next_free;
}

void tcc_free(void *p)
{
	struct block *b;
	unsigned long whole;

	if (!p)
		return;
	b = block_of(p);
	whole = b->size + offsetof(struct block, next_free);
	if ((unsigned char *)b + whole == arena_at) {
		arena_at = (unsigned char *)b;
	} else if (whole <= SMALL_MAX) {
		b->next_free = free_blocks[whole / GRAIN];
		free_blocks[whole / GRAIN] = b;
	}
}

void *tcc_mallocz(unsigned long n)
{
	return memset(tcc_malloc(n), 0, n);
}

void *tcc_realloc(void *p, unsigned long n)
{
	struct block *b;
	void *q;

	if (!p)
		return tcc_malloc(n);
	b = block_of(p);
	if (n <= b->size)
		return p;
	if ((unsigned char *)p + b->size == arena_at && n <= MEMORY_MAX) { /* the last one grows in its place */
		arena_take(rounded(n) - offsetof(struct block, next_free) - b->size);
		b->size = rounded(n) - offsetof(struct block, next_free);
		return p;
	}
	q = tcc_malloc(n);
	memcpy(q, p, b->size);
	tcc_free(p);
	return q;
}

char *tcc_strdup(const char *s)
{
	return strcpy(tcc_malloc(strlen(s) + 1), s);
}
