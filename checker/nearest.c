/* SPDX-License-Identifier: Apache-2.0
 *
 * The name that was probably meant.
 */
enum { NAME_MAX = 48 };

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Edits (insert, remove, replace, swap two neighbours) from a to b; more than limit if it takes more. */
static int distance(const char *a, int n, const char *b, int m, int limit)
{
	unsigned char rows[3][NAME_MAX + 1];
	unsigned char *before = rows[0], *last = rows[1], *row = rows[2], *swap;
	int i, j, best;

	for (j = 0; j <= m; j++)
		last[j] = j;
	for (i = 1; i <= n; i++) {
		best = row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
			best = least(best, row[j]);
		}
		if (best > limit)
			return best;
		swap = before, before = last, last = row, row = swap;
	}
	return last[m];
}

struct nearest {
	const char *name;
	int length, limit;
	char *found;
};

static struct nearest nearest_to(const char *name, char *found)
{
	int n = strlen(name);

	return (struct nearest){ name, n, n <= 3 ? 1 : n <= 7 ? 2 : 3, found };
}

static void consider(struct nearest *s, const char *name, int n)
{
	int d, off = n - s->length;

	if (n > NAME_MAX || s->length > NAME_MAX || off > s->limit || -off > s->limit || n < 2)
		return;
	if (name[0] != s->name[0] && name[1] != s->name[0] && name[0] != s->name[1])
		return;
	d = distance(s->name, s->length, name, n, s->limit);
	if (d == 0 || d > s->limit)
		return;
	s->limit = d - 1; /* only better ones from here on */
	pstrcpy(s->found, sizeof(((struct diagnostic *)0)->suggestion), name);
}

static void nearest_member(struct nearest *s, Sym *type)
{
	Sym *f;

	for (f = type->next; f; f = f->next) {
		int v = f->v & ~SYM_FIELD;

		if (v < SYM_FIRST_ANOM)
			consider(s, get_tok_str(v, NULL), strlen(get_tok_str(v, NULL)));
		else if ((f->type.t & VT_BTYPE) == VT_STRUCT)
			nearest_member(s, f->type.ref);
	}
}

static int fits(enum unknown kind, TokenSym *t)
{
	Sym *s = visible(t->sym_identifier);

	switch (kind) {
	case UNKNOWN_TYPE:
		return s && (s->type.t & VT_TYPEDEF);
	case UNKNOWN_TAG:
		return (s = visible(t->sym_struct)) && s->c >= 0;
	case UNKNOWN_FUNCTION:
		return (s && !(s->type.t & VT_TYPEDEF) && (s->type.t & (VT_BTYPE | VT_ARRAY))) || define_find(t->tok);
	default:
		return (s && !(s->type.t & VT_TYPEDEF)) || (t->tok >= TOK_UIDENT && define_find(t->tok));
	}
}

static void nearest_name(struct nearest *s, enum unknown kind)
{
	int i, n = tok_ident - TOK_IDENT;

	for (i = 0; i < n && s->limit > 0; i++) {
		TokenSym *t = table_ident[i];
		int off = t->len - s->length;

		if (off <= s->limit && -off <= s->limit && fits(kind, t))
			consider(s, t->str, t->len);
	}
}

/* ---- what is not known at all */

static int is_suspect(const char *name)
{
	int i, n = strlen(name);

	for (i = 0; i < session->suspect_count; i++) {
		const char *at = session->original + session->suspects[i];

		if (!strncmp(at, name, n) && !is_word(at[n]))
			return 1;
	}
	return 0;
}

/* Did an earlier pass say so? */
static int reported_unknown(enum unknown kind, int pos)
{
	int i;

	for (i = 0; i < session->count; i++)
		if (session->list[i].pos == pos && session->list[i].unknown == (int)kind + 1)
			return 1;
	return 0;
}

/* The header that declares a name which the text has not included, or NULL. */
static const char *header_of(enum unknown kind, int token)
{
	TokenSym *t = table_ident[token - TOK_IDENT];
	Sym *s = kind == UNKNOWN_TAG ? t->sym_struct : t->sym_identifier;

	if (!s || !origin_hidden[s->origin])
		s = kind == UNKNOWN_TAG ? NULL : t->sym_define;
	return s && origin_hidden[s->origin] ? header_name(s->origin) : NULL;
}

static void phrase(char *to, int size, enum unknown kind, const char *name, const char *of)
{
	switch (kind) {
	case UNKNOWN_TYPE:
		snprintf(to, size, "the type '%s' is not known", name);
		break;
	case UNKNOWN_TAG:
		snprintf(to, size, "what is in '%s' is not known: it is declared, but not defined", of);
		break;
	case UNKNOWN_FUNCTION:
		snprintf(to, size, "the function '%s' is not declared", name);
		break;
	case UNKNOWN_MEMBER:
		snprintf(to, size, "'%s' has no member '%s'", of, name);
		break;
	default:
		snprintf(to, size, "'%s' is not declared", name);
	}
}

static void report_unknown(enum unknown kind, int token, CType *in, int pos)
{
	char message[256], of[200] = "", suggestion[64] = "", *end;
	const char *name = token < SYM_FIRST_ANOM ? get_tok_str(token, NULL) : "(anonymous)", *header = NULL;
	struct nearest s = nearest_to(name, suggestion);
	struct diagnostic *d;

	if (in)
		type_to_str(of, sizeof(of), in, NULL);
	phrase(message, sizeof(message), kind, name, of);
	if (in_user_text && is_suspect(name)) {
		failed_stmt = stmt_pos;
		return;
	}
	if (in_user_text && (reported_unknown(kind, pos) || statement_failed())) {
		failed_stmt = stmt_pos;
		return;
	}
	if (in_user_text && kind == UNKNOWN_MEMBER)
		nearest_member(&s, in->ref);
	else if (in_user_text && token < SYM_FIRST_ANOM && !(header = header_of(kind, token)))
		nearest_name(&s, kind);
	end = message + strlen(message);
	if (header)
		snprintf(end, message + sizeof(message) - end, "; it is in %s: #include it", header);
	else if (*suggestion)
		snprintf(end, message + sizeof(message) - end, "; did you mean '%s'?", suggestion);
	d = report(ERROR, pos, message);
	if (!d)
		return;
	d->unknown = kind + 1;
	pstrcpy(d->name, sizeof(d->name), name);
	pstrcpy(d->suggestion, sizeof(d->suggestion), suggestion);
}
