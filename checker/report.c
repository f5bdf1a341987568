/* SPDX-License-Identifier: Apache-2.0
 *
 * Diagnostics: what TCC's tcc_error and tcc_warning and the hooks come to.
 */
static int report_pos = -1;
static int failed_stmt = -1;

static void at(int pos)
{
	report_pos = pos;
}

/* Where an error is if nothing else was said. */
static int place_now(void)
{
	if (!reading)
		return tok_pos;
	return directive_pos >= 0 ? directive_pos : expanding_pos >= 0 ? expanding_pos : read_pos;
}

/* A statement that begins with what is being read has not begun for the parser. */
static void begin_statement(void)
{
	int at = place_now(), before = prev_end - 1;

	if (!in_user_text || !reading || at < prev_end || (file && file->place >= 0))
		return;
	if (directive_pos >= 0 || before < 0 || strchr(";{}", session->text[before]))
		stmt_pos = at;
}

static int after_body(void)
{
	return in_user_text && !macro_ptr && file->place < 0 && prev_end > 0 && session->text[prev_end - 1] == '}';
}

static int statement_failed(void)
{
	return failed_stmt == stmt_pos;
}

/* Ends the pass here. */
static void stop(int missing) __attribute__((noreturn));
static void stop(int missing)
{
	if (in_user_text) {
		session->stopped = 1;
		begin_statement();
		session->stop_pos = place_now();
		session->stop_directive = reading ? directive_pos : -1;
		session->stop_prev_end = prev_end;
		session->stop_stmt = stmt_pos;
		session->stop_local = local_scope > 0;
		session->missing = missing;
	}
	leave_pass();
}

static void report_header(const char *message)
{
	if (header_errors++ == 0)
		snprintf(header_error, sizeof(header_error), "%s:%d: %s", file ? file->filename : "", file ? file->line_num : 0,
			 message);
}

static struct diagnostic *find_diagnostic(int pos, const char *message)
{
	int i;

	for (i = 0; i < session->count; i++)
		if (session->list[i].pos == pos && !strcmp(session->list[i].message, message))
			return &session->list[i];
	return NULL;
}

/* Adds a diagnostic unless there is one for this statement or the very same already; NULL then. */
static struct diagnostic *report(enum severity severity, int pos, const char *message)
{
	struct diagnostic *d;

	if (!in_user_text) {
		if (severity == ERROR)
			report_header(message);
		return NULL;
	}
	/* Warnings about a file that is included are not about this source. */
	if (statement_failed() || (severity == WARNING && file && file->place >= 0))
		return NULL;
	if (severity == ERROR)
		failed_stmt = stmt_pos;
	if (pos > session->length)
		pos = session->length;
	if (find_diagnostic(pos, message))
		return NULL;
	if (session->count == DIAGNOSTICS_MAX) {
		session->overflow = session->hopeless = 1;
		stop(0);
	}
	d = &session->list[session->count++];
	memset(d, 0, sizeof(*d));
	d->severity = severity;
	d->pos = pos;
	d->end = pos + word_length(session->original, pos, session->length);
	pstrcpy(d->message, sizeof(d->message), message);
	return d;
}

static void report_format(enum severity severity, const char *format, va_list arguments)
{
	char message[512];
	int pos = report_pos >= 0 ? report_pos : place_now();

	begin_statement();

	vsnprintf(message, sizeof(message), format, arguments);
	report_pos = -1;
	report(severity, pos, message);
}

void _tcc_error_noabort(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_format(ERROR, format, arguments);
	va_end(arguments);
}

void _tcc_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_format(ERROR, format, arguments);
	va_end(arguments);
	stop(0);
}

void _tcc_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_format(WARNING, format, arguments);
	va_end(arguments);
}

/* What no repair helps against. */
static void give_up(const char *message) __attribute__((noreturn));
static void give_up(const char *message)
{
	if (in_user_text) {
		failed_stmt = -1;
		session->hopeless = 1;
	}
	report(ERROR, place_now(), message);
	stop(0);
}

static void function_in_function(void)
{
	give_up("a function cannot begin inside of another: is a '}' missing before it?");
}

static void out_of_fuel(void)
{
	fuel = 1 << 20; /* for what is left to say */
	give_up("this is more than can be checked: the macros here expand to too much, or the source is too long");
}

static void out_of_memory(void)
{
	give_up("this is more than can be checked: the source needs too much memory");
}

static void nested_too_deeply(void)
{
	give_up("brackets, blocks, types or macros are nested too deeply here");
}

static const char *ending(int c)
{
	switch (c) {
	case ';':
		return "a ';' is missing here";
	case ')':
		return "a ')' is missing here";
	case ']':
		return "a ']' is missing here";
	case '}':
		return "a '}' is missing here";
	case '{':
		return "a '{' is missing here";
	}
	return NULL;
}

static void missing(int c)
{
	char other[64];
	const char *message = ending(c);
	int pos = tok_pos;

	if (c == 0 || statement_failed())
		stop(c);
	if (tok == TOK_EOF && c == '}')
		message = "the source ends too early: a '}' is missing";
	if (!message) {
		if (c == TOK_WHILE)
			message = "'while' is missing here";
		else
			snprintf(other, sizeof(other), "a '%c' is missing here", c), message = other;
	}
	if (in_user_text && c > 255) /* a keyword: where its statement began is not known any more */
		session->hopeless = 1;
	/* A semicolon belongs behind what was before. */
	if (c == ';')
		pos = prev_end;
	report(ERROR, pos, message);
	stop(c);
}
