/* SPDX-License-Identifier: Apache-2.0
 *
 * What TCC's front end needs of libtcc.c: its state, buffers in place of files, growing arrays, strings.
 */
static TCCState *tcc_state;

void tcc_enter_state(TCCState *s) {}

static char *pstrcpy(char *to, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (size == 0)
		return to;
	if (n >= size)
		n = size - 1;
	memcpy(to, s, n);
	to[n] = 0;
	return to;
}

static char *pstrcat(char *to, size_t size, const char *s)
{
	size_t n = strlen(to);

	if (n < size)
		pstrcpy(to + n, size - n, s);
	return to;
}

char *tcc_basename(const char *name)
{
	const char *slash = strrchr(name, '/');

	return (char *)(slash ? slash + 1 : name);
}

/* Grows by doubling: the length is a power of two exactly when the array is full. */
static void dynarray_add(void *array, int *n, void *data)
{
	void **items = *(void ***)array;

	if ((*n & (*n - 1)) == 0) {
		items = tcc_realloc(items, (*n ? *n * 2 : 1) * sizeof(void *));
		*(void ***)array = items;
	}
	items[(*n)++] = data;
}

static void dynarray_reset(void *array, int *n)
{
	void **items = *(void ***)array;

	for (; *n; (*n)--)
		tcc_free(items[*n - 1]);
	tcc_free(items);
	*(void ***)array = NULL;
}

static void tcc_open_bf(TCCState *s, const char *name, int size)
{
	BufferedFile *f = tcc_mallocz(sizeof(BufferedFile));

	/* The end is marked by a character that TCC takes for a backslash unless it looks where it is. */
	f->buffer = tcc_malloc(size + 1);
	f->buf_ptr = f->buffer;
	f->buf_end = f->buffer + size;
	*f->buf_end = CH_EOB;
	pstrcpy(f->filename, sizeof(f->filename), name);
	f->true_filename = f->filename;
	f->line_num = 1;
	f->ifdef_stack_ptr = s->ifdef_stack_ptr;
	f->fd = -1;
	f->prev = file;
	file = f;
	tok_flags = TOK_FLAG_BOL | TOK_FLAG_BOF;
}

static void tcc_close(void)
{
	BufferedFile *f = file;

	file = f->prev;
	tcc_free(f->buffer);
	tcc_free(f);
}

static void open_text(const char *name, const char *text, int size)
{
	tcc_open_bf(tcc_state, name, size);
	memcpy(file->buffer, text, size);
}
