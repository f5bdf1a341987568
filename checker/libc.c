/* SPDX-License-Identifier: Apache-2.0
 *
 * See libc.h. Compiled with -fno-builtin, so that no loop becomes a call of the function that it is in.
 */
#include "libc.h"

int errno;

void *memcpy(void *to, const void *from, size_t n)
{
	return __builtin_memcpy(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
	return __builtin_memmove(to, from, n);
}

void *memset(void *to, int c, size_t n)
{
	return __builtin_memset(to, c, n);
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n && *x == *y; n--)
		x++, y++;
	return n ? *x - *y : 0;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return p - s;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strcpy(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
	return to;
}

char *strcat(char *to, const char *from)
{
	strcpy(to + strlen(to), from);
	return to;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)last;
	}
}

char *strstr(const char *s, const char *part)
{
	size_t n = strlen(part);

	for (; *s; s++)
		if (!strncmp(s, part, n))
			return (char *)s;
	return n ? NULL : (char *)s;
}

/* Decimal only: TCC asks for nothing else. */
unsigned long strtoul(const char *s, char **end, int base)
{
	unsigned long value = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		value = value * base + (*s - '0');
	if (end)
		*end = (char *)s;
	return value;
}

double ldexp(double x, int exponent)
{
	/* Beyond these the value is infinite or 0 anyway; the bounds keep the loops short. */
	for (exponent = exponent > 2200 ? 2200 : exponent; exponent > 0; exponent--)
		x *= 2;
	for (exponent = exponent < -2200 ? -2200 : exponent; exponent < 0; exponent++)
		x /= 2;
	return x;
}

/* Not correctly rounded: BPF has no floating point, so no value that matters comes from here. */
double strtod(const char *s, char **end)
{
	double value = 0, scale = 1;
	int exponent = 0, negative = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		value = value * 10 + (*s - '0');
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			value += (*s - '0') * (scale /= 10);
	if (*s == 'e' || *s == 'E') {
		s++;
		negative = *s == '-';
		if (*s == '-' || *s == '+')
			s++;
		for (; *s >= '0' && *s <= '9'; s++)
			if (exponent < 1000)
				exponent = exponent * 10 + (*s - '0');
		for (; exponent > 0; exponent--)
			value = negative ? value / 10 : value * 10;
	}
	if (end)
		*end = (char *)s;
	return value;
}

float strtof(const char *s, char **end)
{
	return (float)strtod(s, end);
}

/* Shell sort of pointers or integers: what is sorted are the cases of a switch. */
void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *at = base, swap[16];
	size_t gap = 1, i, j;

	while (gap < n / 3)
		gap = gap * 3 + 1;
	for (; gap > 0; gap /= 3) {
		for (i = gap; i < n; i++) {
			memcpy(swap, at + i * size, size);
			for (j = i; j >= gap && compare(at + (j - gap) * size, swap) > 0; j -= gap)
				memcpy(at + j * size, at + (j - gap) * size, size);
			memcpy(at + j * size, swap, size);
		}
	}
}

struct output {
	char *to;
	size_t size, length;
};

static void put(struct output *o, char c)
{
	if (o->length + 1 < o->size)
		o->to[o->length] = c;
	o->length++;
}

static void put_padded(struct output *o, const char *text, size_t n, int width, char fill)
{
	for (; width > (int)n; width--)
		put(o, fill);
	while (n--)
		put(o, *text++);
}

static void put_number(struct output *o, unsigned long long value, unsigned base, int negative, int width, char fill)
{
	char digits[24], *p = digits + sizeof(digits);

	do
		*--p = "0123456789abcdef"[value % base];
	while (value /= base);
	if (negative)
		*--p = '-';
	put_padded(o, p, digits + sizeof(digits) - p, width, fill);
}

static const char *read_number(const char *format, int *value, va_list *arguments)
{
	if (*format == '*') {
		*value = va_arg(*arguments, int);
		return format + 1;
	}
	for (*value = 0; *format >= '0' && *format <= '9'; format++)
		*value = *value * 10 + (*format - '0');
	return format;
}

static const char *put_argument(struct output *o, const char *format, va_list *arguments)
{
	int width, precision = -1, wide = 0;
	char fill = *format == '0' ? '0' : ' ';
	long long number;
	const char *text;
	size_t n = 0;
	char c;

	format = read_number(format, &width, arguments);
	if (*format == '.')
		format = read_number(format + 1, &precision, arguments);
	for (; *format == 'l'; format++)
		wide++;
	switch (*format) {
	case 'd':
		number = wide > 1 ? va_arg(*arguments, long long) : wide ? va_arg(*arguments, long) : va_arg(*arguments, int);
		put_number(o, number < 0 ? -(unsigned long long)number : number, 10, number < 0, width, fill);
		break;
	case 'u':
	case 'x':
		number = wide > 1 ? va_arg(*arguments, unsigned long long) :
			 wide ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned);
		put_number(o, number, *format == 'u' ? 10 : 16, 0, width, fill);
		break;
	case 'c':
		c = va_arg(*arguments, int);
		put_padded(o, &c, 1, width, ' ');
		break;
	case 's':
		text = va_arg(*arguments, const char *);
		if (!text)
			text = "";
		while ((precision < 0 || n < (size_t)precision) && text[n])
			n++;
		put_padded(o, text, n, width, ' ');
		break;
	default:
		put(o, *format);
	}
	return *format ? format + 1 : format;
}

int vsnprintf(char *to, size_t size, const char *format, va_list arguments)
{
	struct output o = { to, size, 0 };
	va_list copy;

	va_copy(copy, arguments);
	while (*format) {
		if (*format == '%')
			format = put_argument(&o, format + 1, &copy);
		else
			put(&o, *format++);
	}
	va_end(copy);
	if (size)
		to[o.length < size ? o.length : size - 1] = 0;
	return o.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(to, size, format, arguments);
	va_end(arguments);
	return n;
}

int sprintf(char *to, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(to, (size_t)1 << 20, format, arguments);
	va_end(arguments);
	return n;
}
