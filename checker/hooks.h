/* SPDX-License-Identifier: Apache-2.0
 *
 * What the patched parts of TCC tell the checker, and ask it. Places are offsets into the user's source.
 */
#ifndef CHECKER_HOOKS_H
#define CHECKER_HOOKS_H

/* The token that the parser looks at, the one before it, and where the latter ends in the text. A token out of a
 * macro's body is where the macro was used, one out of a macro's argument is where it was written. */
static int tok_pos, prev_pos, prev_end;
/* The token that was read last, which macro expansion may read ahead of the parser. */
static int read_pos;
/* While a token is read: errors are about what is read, or about the macro that is expanded, or the directive that is
 * followed, if there is one (-1: none). */
/* The parser looks at the first token of what a macro in the text became. */
static int first_of_macro;
static int reading, expanding_pos = -1, directive_pos = -1;
/* The innermost statement, declaration or member that is being read. */
static int stmt_pos;

/* 0 while headers are read, 1 in the user's text. */
static int in_user_text;
/* The number of the header that is being read: symbols remember it. 0: predefined, or the user's. */
static int current_origin;
/* origin_hidden[n]: the user's text has not included header n. */
static unsigned char origin_hidden[32];

/* Each step of reading uses one unit; at 0 the pass ends with a diagnostic. */
static int fuel;
static int nesting;
enum { NESTING_MAX = 768, POINTERS_MAX = 64 };

static void out_of_fuel(void) __attribute__((noreturn));
static void nested_too_deeply(void) __attribute__((noreturn));

static inline void burn(void)
{
	if (--fuel < 0)
		out_of_fuel();
}

static inline void nest(void)
{
	if (++nesting > NESTING_MAX)
		nested_too_deeply();
}

static inline void unnest(void)
{
	nesting--;
}

/* What comes next is reported at this place and not at tok_pos. */
static void at(int pos);
/* What is wrong is that this name is not known; the kinds say where to look for a similar one. */
enum unknown { UNKNOWN_NAME, UNKNOWN_FUNCTION, UNKNOWN_TYPE, UNKNOWN_MEMBER, UNKNOWN_TAG };
static void report_unknown(enum unknown kind, int token, CType *in, int pos);
/* A #include of the user's text or of a header; true if there is nothing to read for it. */
static int included(const char *name, int pos);
/* While a header is read: what another one defines that it does not include, so that it may be read without that. */
static int of_another_header(int origin);
/* The user's text names a type, calls a function, defines one. */
static void note_type(CType *type);
static void note_typedef(Sym *name);
static void note_call(Sym *function, int pos);
static void note_function(Sym *function, int section);
/* Something has to come before the pass can go on: this character, or 0 if nothing can be told. Ends the pass; what
 * it stumbled over is mended or blanked, and read again. */
static void missing(int c) __attribute__((noreturn));
/* A function begins inside of another: a bracket is missing before, and what follows would be noise. */
static void function_in_function(void) __attribute__((noreturn));
/* The text before the token that is next ends with a body: }. */
static int after_body(void);
/* Is there an error in this statement already? */
static int statement_failed(void);

#endif
