/* SPDX-License-Identifier: Apache-2.0
 *
 * The checker: TCC's front end, and the functions that a host calls. README.md says in which order.
 */
#define ONE_SOURCE 1
#define TCC_TARGET_BPF 1
#define TCC_VERSION "bpf"
#include "tcc.h"
#include "memory.c"
#include "state.c"
#include "tccpp.c"
#include "tccgen.c"
#include "backend.c"
#include "session.c"
#include "report.c"

static const char *header_name(int origin);
#include "nearest.c"
#include "repair.c"
#include "output.c"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name)
#endif

/* ---- headers */

enum { HEADERS_MAX = sizeof(origin_hidden) };

/* A preloaded header, by the name that programs include it by. requires: what it includes itself. */
static struct header {
	const char *name;
	unsigned requires;
} headers[HEADERS_MAX];

/* 0 is what is there before any header. */
static int header_count = 1;

static const char *header_name(int origin)
{
	return headers[origin].name;
}

static int find_header(const char *name)
{
	int i;

	for (i = 1; i < header_count; i++)
		if (!strcmp(headers[i].name, name))
			return i;
	return 0;
}

/* Headers of one folder include each other by their plain names. */
static int find_neighbour(const char *name)
{
	int i;

	for (i = 1; i < header_count; i++) {
		const char *slash = strrchr(headers[i].name, '/');

		if (slash && !strcmp(slash + 1, name))
			return i;
	}
	return 0;
}

static int of_another_header(int origin)
{
	return !in_user_text && origin && origin != current_origin && !(headers[current_origin].requires & 1u << origin);
}

static void reveal(int header)
{
	int i;

	if (!origin_hidden[header])
		return;
	origin_hidden[header] = 0;
	for (i = 1; i < header_count; i++)
		if (headers[header].requires & 1u << i)
			reveal(i);
}

static void nearest_header(struct nearest *s)
{
	int i;

	for (i = 1; i < header_count; i++)
		consider(s, headers[i].name, strlen(headers[i].name));
	for (i = 0; i < session->file_count; i++)
		consider(s, session->files[i].name, strlen(session->files[i].name));
}

static void report_include(const char *name, int pos)
{
	char message[256], suggestion[64] = "";
	struct nearest s = nearest_to(name, suggestion);
	const char *slash = strrchr(name, '/');
	int i = find_neighbour(slash ? slash + 1 : name);
	struct diagnostic *d;

	s.limit += 2; /* paths are long */
	if (i)
		pstrcpy(suggestion, sizeof(suggestion), headers[i].name);
	else
		nearest_header(&s);
	snprintf(message, sizeof(message), *suggestion ? "there is no file '%s' to include; did you mean '%s'?" :
		 "there is no file '%s' to include", name, suggestion);
	while (file->place < 0 && pos < session->length && !strchr("<\"\n", session->original[pos]))
		pos++;
	failed_stmt = -1;
	stmt_pos = pos;
	d = report(ERROR, pos, message);
	if (!d)
		return;
	d->end = d->pos + strlen(name) + 2;
	pstrcpy(d->name, sizeof(d->name), name);
	pstrcpy(d->suggestion, sizeof(d->suggestion), suggestion);
}

static int included(const char *name, int pos)
{
	int i = find_header(name);

	if (!in_user_text) {
		if (!i)
			i = find_neighbour(name);
		if (i && current_origin)
			headers[current_origin].requires |= 1u << i;
		return 1;
	}
	for (i = 0; i < session->file_count; i++) {
		if (strcmp(session->files[i].name, name))
			continue;
		open_text(name, session->files[i].text, session->files[i].size);
		file->place = pos;
		return 0;
	}
	i = find_header(name);
	if (!i && file->place >= 0)
		i = find_neighbour(name);
	if (i)
		reveal(i);
	else
		report_include(name, pos);
	return 1;
}

/* ---- what is used */

static void note(struct used *list, int *count, Sym *s, int pos, int section)
{
	int i;

	if (!in_user_text || *count == USED_MAX)
		return;
	for (i = 0; i < *count; i++)
		if (list[i].symbol == s && (list != session->calls || list[i].pos == pos))
			return;
	list[(*count)++] = (struct used){ s, pos, section };
}

static void note_type(CType *type)
{
	if (in_user_text && type->ref)
		note(session->types, &session->type_count, type->ref, prev_pos, 0);
}

static void note_typedef(Sym *name)
{
	if (in_user_text)
		note(session->types, &session->type_count, name, prev_pos, 0);
}

static void note_call(Sym *function, int pos)
{
	if (in_user_text && function->v < SYM_FIRST_ANOM)
		note(session->calls, &session->call_count, function, pos, 0);
}

static void note_function(Sym *function, int section)
{
	if (in_user_text)
		note(session->functions, &session->function_count, function, name_pos, section);
}

/* ---- reading */

static void begin_reading(void)
{
	TCCState *s = tcc_mallocz(sizeof(*s));

	tcc_state = s;
	gnu_ext = s->tcc_ext = 1;
	s->dollars_in_identifiers = 1;
	s->cversion = 201112;
	open_sections();
	open_text("", "", 0);
	file->place = -1;
	fuel = HEADER_FUEL;
	tccpp_new(s);
	s->include_stack_ptr = s->include_stack;
	s->ifdef_stack_ptr = s->ifdef_stack;
	file->ifdef_stack_ptr = s->ifdef_stack_ptr;
	s->pack_stack_ptr = s->pack_stack;
	set_idnum('$', IS_ID);
	set_idnum('.', 0);
	tccgen_init(s);
	cur_text_section = NULL;
	funcname = "";
	anon_sym = SYM_FIRST_ANOM;
	nocode_wanted = 0x80000000;
	parse_flags = PARSE_FLAG_PREPROCESS | PARSE_FLAG_TOK_NUM | PARSE_FLAG_TOK_STR;
}

/* Reads all of the file on top. */
static void read_text(void)
{
	tok_flags = TOK_FLAG_BOL | TOK_FLAG_BOF;
	next();
	decl(VT_CONST);
	if (tok != TOK_EOF)
		tcc_error("a declaration was expected");
}

/* What clang predefines, and predefined.h: build.sh makes it. */
static const char predefined[] = {
#embed "predefined.i"
};

/* ---- what the host calls */

static void *reserved;

static void read_predefined(void)
{
	begin_reading();
	open_text("predefined.h", predefined, sizeof(predefined));
	file->place = -1;
	read_text();
	tcc_close();
}

EXPORT(skep_reserve) void *skep_reserve(unsigned size)
{
	/* Headers are read where they are put: above all that they become, so that the frozen memory is without
	 * their text. What they become was measured to take three times the text. */
	unsigned char *at;

	if (!arena_at)
		read_predefined();
	if (size > MEMORY_MAX / 2)
		return NULL;
	at = (unsigned char *)(((uintptr_t)arena_at + 7 * (uintptr_t)size + (2 << 20)) & ~(uintptr_t)(GRAIN - 1));
	if (!memory_grow(at + size + 1))
		return NULL;
	return reserved = at;
}

EXPORT(skep_header) int skep_header(unsigned name_length, unsigned length)
{
	char *name = tcc_mallocz(name_length + 1);

	memcpy(name, reserved, name_length);
	if (header_count == HEADERS_MAX) {
		report_header("there are too many headers");
		return 1;
	}
	current_origin = header_count++;
	headers[current_origin].name = name;
	tcc_open_bf(tcc_state, name, 0);
	file->place = -1;
	file->buffer = file->buf_ptr = (unsigned char *)reserved + name_length;
	file->buf_end = file->buffer + length;
	*file->buf_end = CH_EOB;
	fuel = HEADER_FUEL;
	read_text();
	file = file->prev;
	current_origin = 0;
	return header_errors;
}

EXPORT(skep_header_error) const char *skep_header_error(void)
{
	return header_error;
}

EXPORT(skep_freeze) unsigned char *skep_freeze(void)
{
	if (!arena_at)
		read_predefined();
	memset(origin_hidden + 1, 1, header_count - 1);
	/* The session lies above; a pointer to it is part of what is frozen. */
	frozen = (unsigned char *)(((uintptr_t)arena_at + 4095) & ~(uintptr_t)4095);
	session = (struct session *)frozen;
	arena_end = NULL; /* asked for anew by every pass: memory may have grown since */
	return frozen;
}

/* Memory for the source. What the check before this one left is gone. */
EXPORT(skep_begin) void *skep_begin(unsigned length, int with_types)
{
	unsigned char *output = frozen + rounded(sizeof(*session));

	/* The memory may be a copy of what was frozen, and end there. */
	if (length > SOURCE_MAX || !memory_grow(output + OUTPUT_SIZE))
		return NULL;
	memset(session, 0, sizeof(*session));
	session->output = (char *)output;
	session->length = length;
	session->fuel = FUEL;
	session->with_types = with_types;
	arena_at = output + OUTPUT_SIZE;
	session->original = (char *)arena_take(length + GRAIN);
	session->text = (char *)arena_take(length + GRAIN);
	session->arena = arena_at;
	memset(session->original + length, 0, GRAIN);
	return session->original;
}

EXPORT(skep_file) void *skep_file(unsigned name_length, unsigned length)
{
	struct text_file *f = &session->files[session->file_count];
	char *name;

	if (session->file_count == FILES_MAX || length > SOURCE_MAX || name_length > 255)
		return NULL;
	arena_at = session->arena;
	name = (char *)arena_take((name_length + 1 + length + 1 + GRAIN) & ~(unsigned long)(GRAIN - 1));
	session->arena = arena_at;
	name[name_length] = 0;
	*f = (struct text_file){ name, name + name_length + 1, length };
	session->file_count++;
	return name;
}

EXPORT(skep_pass) void skep_pass(void)
{
	if (session->passes++ == 0)
		memcpy(session->text, session->original, session->length);
	session->finished = session->stopped = session->missing = 0;
	session->type_count = session->call_count = session->function_count = 0;
	arena_at = session->arena;
	in_user_text = 1;
	failed_stmt = report_pos = -1;
	stmt_pos = tok_pos = prev_pos = prev_end = reading = 0;
	expanding_pos = directive_pos = -1;
	fuel = session->fuel;
	open_text("", session->text, session->length);
	file->place = -1;
	read_text();
	session->finished = 1;
}

EXPORT(skep_next) int skep_next(void)
{
	int again;

	/* A pass that neither finished nor stopped met a limit of the host: its stack, most likely. */
	if (!session->finished && !session->stopped && !session->hopeless) {
		failed_stmt = -1;
		in_user_text = 1;
		report(WARNING, tok_pos, "the checker gives up here; the compiler may say more");
		session->hopeless = 1;
	}
	session->fuel = fuel < session->fuel ? fuel : 0;
	again = repair();
	if (!again)
		put_answer();
	return again;
}

EXPORT(skep_output) const char *skep_output(void)
{
	return session->output;
}

EXPORT(skep_output_length) int skep_output_length(void)
{
	return session->output_length;
}
