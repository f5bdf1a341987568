/* SPDX-License-Identifier: Apache-2.0
 *
 * The few functions of the C library that TCC's front end calls, so that the checker needs neither a C library
 * for WebAssembly nor imports. Formats of printf: %d %u %x %c %s %lld %llu %%, with width, zeros and precision.
 */
#ifndef CHECKER_LIBC_H
#define CHECKER_LIBC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef intptr_t ssize_t;

extern int errno;

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);
unsigned long strtoul(const char *s, char **end, int base);
double strtod(const char *s, char **end);
float strtof(const char *s, char **end);
double ldexp(double x, int exponent);
void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
int vsnprintf(char *to, size_t size, const char *format, va_list arguments);
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int sprintf(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
