/* SPDX-License-Identifier: Apache-2.0
 *
 * Between two passes: what a pass could not read is mended if that is easy, else blanked. Lines and offsets stay.
 */
static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The place behind a comment or literal that begins here, or this place. */
static int behind_literal(const char *text, int i, int end)
{
	char quote = text[i];

	if (quote == '/' && i + 1 < end && text[i + 1] == '/') {
		while (i < end && text[i] != '\n')
			i++;
	} else if (quote == '/' && i + 1 < end && text[i + 1] == '*') {
		for (i += 2; i + 1 < end && !(text[i] == '*' && text[i + 1] == '/');)
			i++;
		i = i + 2 < end ? i + 2 : end;
	} else if (quote == '"' || quote == '\'') {
		for (i++; i < end && text[i] != quote && text[i] != '\n'; i++)
			if (text[i] == '\\')
				i++;
		i = i < end ? i + 1 : end;
	}
	return i;
}

/* Puts the character that is missing where a space is. */
static int put_missing(void)
{
	char *text = session->text;
	int at = session->stop_prev_end, next = at;

	if (!session->missing || !strchr(";)]", session->missing) || at <= 0 || at >= session->length || !is_blank(text[at]))
		return 0;
	while (next < session->length && is_blank(text[next]))
		next++;
	/* A directive has to begin its line. */
	if (text[at] == '\n' && next < session->length && text[next] == '#')
		return 0;
	text[at] = session->missing;
	return 1;
}

/* Where the statement, declaration or member ends that the pass stumbled in. */
static int statement_end(int from, int stumbled)
{
	const char *text = session->text;
	int depth = 0, end = session->length, i = from;

	while (i < end) {
		int behind = behind_literal(text, i, end);

		if (behind != i) {
			i = behind;
			continue;
		}
		switch (text[i]) {
		case '{':
			/* The body of an if or a loop can be read by itself. */
			if (session->stop_local && depth == 0 && i >= stumbled)
				return i;
			depth++;
			break;
		case '}':
			if (depth == 0)
				return i;
			if (--depth == 0 && i >= stumbled && !session->stop_local)
				return i + 1;
			break;
		case ';':
			if (depth == 0 && i >= stumbled)
				return i + 1;
		}
		i++;
	}
	return end;
}

static int starts_with(const char *text, int from, int end, const char *word)
{
	int n = strlen(word);

	return end - from > n && !strncmp(text + from, word, n) && !is_word(text[from + n]);
}

/* What was declared in a blanked piece is not known from here on: names before one of = ; , [ ) and the name of a
 * function. That some are no declarations does no harm. */
static void suspect_names(int from, int end)
{
	const char *text = session->original;
	int i = from, next;

	while (i < end && session->suspect_count < SUSPECTS_MAX) {
		int begin = i;

		if (!is_word(text[i])) {
			next = behind_literal(text, i, end);
			i = next == i ? i + 1 : next;
			continue;
		}
		i += word_length(text, i, end);
		if (text[begin] >= '0' && text[begin] <= '9')
			continue;
		for (next = i; next < end && is_blank(text[next]);)
			next++;
		if (next >= end || strchr("=;,[({)", text[next]))
			session->suspects[session->suspect_count++] = begin;
	}
}

static int blank(int from, int end)
{
	char *text = session->text;
	int i, changed = 0;

	for (i = from; i < end; i++)
		if (!is_blank(text[i]))
			text[i] = ' ', changed = 1;
	return changed;
}

/* Blanks the statement. Of one with a body the head becomes a condition that is always true, so that an else has
 * something before it. */
static int blank_statement(void)
{
	static const struct { const char *word, *head; } heads[] = {
		{ "if", "if(1)" }, { "while", "while(1)" }, { "for", "for(;;)" }, { "switch", "switch(1)" },
	};
	char *text = session->text;
	int from = session->stop_stmt, end, head, i, changed;

	if (from < 0 || from >= session->length)
		return 0;
	end = statement_end(from, session->stop_pos);
	suspect_names(from, end);
	head = session->stop_local && end < session->length && text[end] == '{';
	for (i = 0; head && i < (int)(sizeof(heads) / sizeof(heads[0])); i++) {
		int n = strlen(heads[i].head);

		if (!starts_with(text, from, end, heads[i].word) || end - from < n || !strncmp(text + from, heads[i].head, n))
			continue;
		blank(from, end);
		memcpy(text + from, heads[i].head, n);
		return 1;
	}
	changed = blank(from, end);
	if (!changed && end < session->length && text[end] == '}' && !session->stop_local)
		changed = blank(end, end + 1);
	return changed;
}

/* A directive is blanked to the end of its line. */
static int blank_directive(void)
{
	const char *text = session->text;
	int from = session->stop_directive, end;

	while (from > 0 && text[from] != '#' && text[from - 1] != '\n')
		from--;
	for (end = from; end < session->length && (text[end] != '\n' || text[end - 1] == '\\');)
		end++;
	return blank(from, end);
}

/* Prepares another pass; false if none would tell more. */
static int repair(void)
{
	if (session->finished || session->hopeless || session->passes >= PASSES_MAX || session->fuel <= 0)
		return 0;
	if (session->missing == '}' && session->stop_pos < session->length && session->text[session->stop_pos] == '}')
		return blank(session->stop_pos, session->stop_pos + 1);
	if (session->stop_pos >= session->length)
		return 0;
	if (session->stop_directive >= 0)
		return blank_directive();
	return put_missing() || blank_statement();
}
