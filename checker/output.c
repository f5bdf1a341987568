/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer, as JSON: shapes in README.md.
 */
static void put_char(char c)
{
	/* The closing brackets always find room: see put_room. */
	if (session->output_length < OUTPUT_SIZE)
		session->output[session->output_length++] = c;
}

static int put_room(void)
{
	return session->output_length < OUTPUT_SIZE - (16 << 10);
}

static void put_text(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_int(long long value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", value);
	put_text(digits);
}

/* The length of the UTF-8 sequence here, 0 if it is none. */
static int utf8_length(const unsigned char *s)
{
	int n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
	int i;

	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void put_string(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char escape[8];
	int n;

	put_char('"');
	while (*s) {
		n = utf8_length(s);
		if (n == 0 || *s < 0x20 || *s == '"' || *s == '\\') {
			if (n)
				snprintf(escape, sizeof(escape), "\\u%04x", *s);
			put_text(n ? escape : "\\ufffd");
			s++;
			continue;
		}
		while (n--)
			put_char(*s++);
	}
	put_char('"');
}

static void put_key(const char *key)
{
	put_char('"');
	put_text(key);
	put_text("\":");
}

static void put_field(const char *key, long long value)
{
	put_char(',');
	put_key(key);
	put_int(value);
}

static void put_string_field(const char *key, const char *value)
{
	put_char(',');
	put_key(key);
	put_string(value);
}

/* The line of a place, counted on from the last one that was asked for. */
static int line_at(int pos, int *start)
{
	static int last, last_start, line = 1;
	const char *text = session->original;

	if (pos < last || session->output_length < 64)
		last = last_start = 0, line = 1;
	for (; last < pos; last++)
		if (text[last] == '\n')
			line++, last_start = last + 1;
	*start = last_start;
	return line;
}

static void put_place(int pos)
{
	int start, line = line_at(pos, &start);

	put_key("line");
	put_int(line);
	put_field("column", pos - start + 1);
}

/* What is meant lies on one line; what is missing at its end is shown as one column. */
static void put_end(struct diagnostic *d)
{
	int start, line = line_at(d->pos, &start);

	put_field("end_line", line);
	put_field("end_column", d->end - start + 1);
}

static void put_diagnostics(void)
{
	int i, j;

	/* In the order of the text; passes found them in another one. */
	for (i = 1; i < session->count; i++)
		for (j = i; j > 0 && session->list[j - 1].pos > session->list[j].pos; j--) {
			struct diagnostic swap = session->list[j];

			session->list[j] = session->list[j - 1];
			session->list[j - 1] = swap;
		}
	for (i = 0; i < session->count; i++) {
		struct diagnostic *d = &session->list[i];
		static const char *const kinds[] = { "", "name", "function", "type", "member", "tag" };

		put_text(i ? ",{" : "{");
		put_place(d->pos);
		put_end(d);
		put_string_field("severity", d->severity == ERROR ? "error" : "warning");
		put_string_field("message", d->message);
		if (d->unknown) {
			put_string_field("unknown", kinds[d->unknown]);
			put_string_field("name", d->name);
		}
		if (*d->suggestion)
			put_string_field("suggestion", d->suggestion);
		put_char('}');
	}
}

/* ---- types */

static const char *tag_of(Sym *s)
{
	int v = s->v & ~(SYM_STRUCT | SYM_FIELD);

	return v < SYM_FIRST_ANOM ? get_tok_str(v, NULL) : "";
}

static void put_members(Sym *type);
static void put_enumerators(Sym *type);

/* Kind, size and, of what is made of something else, what that is; names are for looking them up. */
static void put_type(CType *type, int depth)
{
	char name[256];
	CType plain = *type;
	int align, t = type->t;

	plain.t &= ~(VT_STORAGE | (IS_ENUM(t) || (t & VT_BTYPE) == VT_STRUCT ? 0 : VT_STRUCT_MASK));
	type_to_str(name, sizeof(name), &plain, NULL);
	put_key("type");
	put_string(name);
	if ((t & VT_BTYPE) != VT_FUNC && type_size(&plain, &align) >= 0)
		put_field("size", type_size(&plain, &align));
	if (t & VT_ARRAY) {
		put_text(",\"kind\":\"array\"");
		put_field("count", type->ref->c);
	} else if ((t & VT_BTYPE) == VT_PTR) {
		put_text(",\"kind\":\"pointer\"");
	}
	if ((t & VT_BTYPE) == VT_PTR) {
		if (depth < 8 && put_room()) {
			put_text(",\"of\":{");
			put_type(&type->ref->type, depth + 1);
			put_char('}');
		}
	} else if ((t & VT_BTYPE) == VT_FUNC) {
		put_text(",\"kind\":\"function\"");
	} else if ((t & VT_BTYPE) == VT_STRUCT) {
		put_string_field("kind", IS_UNION(t) ? "union" : "struct");
		put_string_field("tag", tag_of(type->ref));
		if (!*tag_of(type->ref) && depth < 8)
			put_members(type->ref);
	} else if (IS_ENUM(t)) {
		put_text(",\"kind\":\"enum\"");
		put_string_field("tag", tag_of(type->ref));
		put_text(t & VT_UNSIGNED ? ",\"signed\":false" : ",\"signed\":true");
		if (!*tag_of(type->ref))
			put_enumerators(type->ref);
	} else if ((t & VT_BTYPE) == VT_VOID) {
		put_text(",\"kind\":\"void\"");
	} else if (is_float(t)) {
		put_text(",\"kind\":\"float\"");
	} else {
		put_string_field("kind", (t & VT_BTYPE) == VT_BOOL ? "bool" : "integer");
		put_text(t & VT_UNSIGNED || (t & VT_BTYPE) == VT_BOOL ? ",\"signed\":false" : ",\"signed\":true");
	}
}

static void put_members(Sym *type)
{
	Sym *f;
	int first = 1;

	if (type->c < 0)
		return;
	put_text(",\"members\":[");
	for (f = type->next; f && put_room(); f = f->next) {
		int v = f->v & ~SYM_FIELD;

		/* Unnamed bit-fields are only space. */
		if (v >= SYM_FIRST_ANOM && (f->type.t & VT_BITFIELD))
			continue;
		put_text(first ? "{" : ",{");
		first = 0;
		put_key("name");
		put_string(v < SYM_FIRST_ANOM ? get_tok_str(v, NULL) : "");
		put_field("offset", f->c);
		if (f->type.t & VT_BITFIELD) {
			put_field("bit", BIT_POS(f->type.t));
			put_field("bits", BIT_SIZE(f->type.t));
		}
		put_char(',');
		put_type(&f->type, 1);
		put_char('}');
	}
	put_char(']');
}

static void put_enumerators(Sym *type)
{
	Sym *e;

	put_text(",\"values\":{");
	for (e = type->next; e && put_room(); e = e->next) {
		put_string(get_tok_str(e->v & ~SYM_FIELD, NULL));
		put_text(":\"");
		put_int(e->enum_val);
		put_text(e->next ? "\"," : "\"");
	}
	put_char('}');
}

static void put_alignment(CType *type)
{
	int align;

	if ((type->t & VT_BTYPE) != VT_FUNC && type_size(type, &align) >= 0)
		put_field("align", align);
}

/* A struct, union or enum with its tag, or a typedef. */
static void put_used_type(Sym *s)
{
	CType type = s->type;

	if (s->v & SYM_STRUCT) {
		type.ref = s;
		put_string_field("name", tag_of(s));
		put_char(',');
		put_type(&type, 0);
		put_alignment(&type);
		if (*tag_of(s)) {
			if (IS_ENUM(type.t))
				put_enumerators(s);
			else
				put_members(s);
		}
		return;
	}
	put_string_field("name", get_tok_str(s->v, NULL));
	put_text(",\"typedef\":true,");
	type.t &= ~VT_TYPEDEF;
	put_type(&type, 0);
	put_alignment(&type);
}

static void put_used(void)
{
	int i;

	put_text(",\"types\":[");
	for (i = 0; i < session->type_count && put_room(); i++) {
		put_text(i ? ",{" : "{");
		put_place(session->types[i].pos);
		put_used_type(session->types[i].symbol);
		put_char('}');
	}
	put_text("],\"calls\":[");
	for (i = 0; i < session->call_count && put_room(); i++) {
		put_text(i ? ",{" : "{");
		put_place(session->calls[i].pos);
		put_string_field("name", get_tok_str(session->calls[i].symbol->v, NULL));
		put_char('}');
	}
	put_text("],\"functions\":[");
	for (i = 0; i < session->function_count && put_room(); i++) {
		struct used *f = &session->functions[i];

		put_text(i ? ",{" : "{");
		put_place(f->pos);
		put_string_field("name", get_tok_str(f->symbol->v, NULL));
		if (f->section)
			put_string_field("section", get_tok_str(f->section, NULL));
		put_char('}');
	}
	put_text("]");
}

static void put_answer(void)
{
	session->output_length = 0;
	put_text("{\"diagnostics\":[");
	put_diagnostics();
	put_char(']');
	if (session->with_types)
		put_used();
	if (session->overflow)
		put_text(",\"more\":true");
	put_char('}');
}
