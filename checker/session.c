/* SPDX-License-Identifier: Apache-2.0
 *
 * A check: one source, read in passes. A pass ends early where it cannot go on; the source is mended or blanked
 * there, the host restores the memory below `frozen`, and the next pass reads it again. What outlives a pass lies
 * above: the session.
 */
enum {
	SOURCE_MAX = 1 << 20,
	DIAGNOSTICS_MAX = 20,
	PASSES_MAX = 64,
	SUSPECTS_MAX = 64,
	FILES_MAX = 32,
	USED_MAX = 512,
	OUTPUT_SIZE = 512 << 10,
	/* For all passes of a check together: some 3000 lines, and what their macros expand to. */
	FUEL = 500000,
	HEADER_FUEL = 100000000,
};

enum severity { WARNING, ERROR };

struct diagnostic {
	enum severity severity;
	int pos, end;
	char message[256];
	char name[64], suggestion[64];
	/* UNKNOWN_… + 1, or 0; the host may find the name in another header */
	int unknown;
};

/* A #include that the headers do not answer. */
struct text_file {
	const char *name, *text;
	int size;
};

/* What the text uses, by the state of the last pass. */
struct used {
	Sym *symbol;
	int pos, section;
};

struct session {
	char *original, *text; /* as given, and as mended */
	int length;
	int with_types; /* the answer has types, calls and functions */
	unsigned char *arena; /* where a pass may put things */
	int fuel, passes;

	struct diagnostic list[DIAGNOSTICS_MAX];
	int count, overflow;

	/* How the pass ended: by itself, or at stop_pos in the statement at stop_stmt. */
	int finished, stopped, stop_pos, stop_prev_end, stop_stmt, stop_local, missing;
	int stop_directive; /* the directive that could not be followed, or -1 */
	int hopeless; /* no further pass helps */

	/* Places of names whose declarations were blanked: that they are not declared is no news. */
	int suspects[SUSPECTS_MAX], suspect_count;

	struct text_file files[FILES_MAX];
	int file_count;

	struct used types[USED_MAX], calls[USED_MAX], functions[USED_MAX];
	int type_count, call_count, function_count;

	char *output;
	int output_length;
};

static struct session *session;
static unsigned char *frozen;

/* Why headers could not be read. */
static char header_error[512];
static int header_errors;

#ifdef __wasm__
static void leave_pass(void) __attribute__((noreturn));
static void leave_pass(void)
{
	__builtin_trap();
}
#else
#include <setjmp.h>
static jmp_buf pass_start;
static void leave_pass(void) __attribute__((noreturn));
static void leave_pass(void)
{
	longjmp(pass_start, 1);
}
#endif

static int is_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

/* The length of the name or number at a place, at least 1. */
static int word_length(const char *text, int pos, int end)
{
	int n = pos;

	while (n < end && is_word(text[n]))
		n++;
	return n > pos ? n - pos : 1;
}
