/* SPDX-License-Identifier: Apache-2.0
 *
 * What clang knows without a header and TCC does not. Read before all headers; the macros that clang predefines are
 * put before it by build.sh. Builtins that need the parser are in patches/05.
 */
typedef char *__builtin_va_list;

#define __has_builtin(x) 1
#define __has_attribute(x) 1
#define __has_feature(x) 1
#define __has_extension(x) 1

#define __builtin_preserve_access_index(...) (__VA_ARGS__)
#define __builtin_add_overflow(a, b, to) ((*(to) = (a) + (b)), (_Bool)0)
#define __builtin_sub_overflow(a, b, to) ((*(to) = (a) - (b)), (_Bool)0)
#define __builtin_mul_overflow(a, b, to) ((*(to) = (a) * (b)), (_Bool)0)

/* Atomics have the type of what is pointed to. */
#define __skep_atomic(p, v) ({ __typeof__(*(p)) __skep_value = (v); *(p) += __skep_value; __skep_value; })
#define __sync_fetch_and_add(p, v) __skep_atomic(p, v)
#define __sync_fetch_and_sub(p, v) __skep_atomic(p, v)
#define __sync_fetch_and_or(p, v) __skep_atomic(p, v)
#define __sync_fetch_and_and(p, v) __skep_atomic(p, v)
#define __sync_fetch_and_xor(p, v) __skep_atomic(p, v)
#define __sync_add_and_fetch(p, v) __skep_atomic(p, v)
#define __sync_sub_and_fetch(p, v) __skep_atomic(p, v)
#define __sync_or_and_fetch(p, v) __skep_atomic(p, v)
#define __sync_and_and_fetch(p, v) __skep_atomic(p, v)
#define __sync_xor_and_fetch(p, v) __skep_atomic(p, v)
#define __sync_lock_test_and_set(p, v) ({ __typeof__(*(p)) __skep_value = (v); *(p) = __skep_value; __skep_value; })
#define __sync_lock_release(p) ((void)(*(p) = 0))
#define __sync_val_compare_and_swap(p, old, new) \
	({ __typeof__(*(p)) __skep_value = (old); *(p) = (new); __skep_value; })
#define __sync_bool_compare_and_swap(p, old, new) \
	({ __typeof__(*(p)) __skep_value = (old); *(p) = (new); (_Bool)(__skep_value != 0); })
#define __sync_synchronize() ((void)0)
#define __atomic_load_n(p, order) ({ (void)(order); *(p); })
#define __atomic_store_n(p, v, order) ({ (void)(order); *(p) = (v); (void)0; })
#define __atomic_exchange_n(p, v, order) ({ (void)(order); __sync_lock_test_and_set(p, v); })
#define __atomic_fetch_add(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_fetch_sub(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_fetch_or(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_fetch_and(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_fetch_xor(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_add_fetch(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_sub_fetch(p, v, order) ({ (void)(order); __skep_atomic(p, v); })
#define __atomic_thread_fence(order) ((void)(order))

void *__builtin_memcpy(void *, const void *, unsigned long);
void *__builtin_memmove(void *, const void *, unsigned long);
void *__builtin_memset(void *, int, unsigned long);
int __builtin_memcmp(const void *, const void *, unsigned long);
unsigned long __builtin_strlen(const char *);
int __builtin_strcmp(const char *, const char *);
int __builtin_strncmp(const char *, const char *, unsigned long);
char *__builtin_strchr(const char *, int);
void __builtin_trap(void) __attribute__((noreturn));
void __builtin_unreachable(void) __attribute__((noreturn));
void __builtin_assume(_Bool);
void __builtin_prefetch(const void *, ...);
unsigned long __builtin_object_size(const void *, int);
unsigned long __builtin_dynamic_object_size(const void *, int);
void *__builtin_assume_aligned(const void *, unsigned long, ...);
long __builtin_expect_with_probability(long, long, double);
int __builtin_abs(int);
int __builtin_clz(unsigned);
int __builtin_clzl(unsigned long);
int __builtin_clzll(unsigned long long);
int __builtin_ctz(unsigned);
int __builtin_ctzl(unsigned long);
int __builtin_ctzll(unsigned long long);
int __builtin_ffs(int);
int __builtin_ffsl(long);
int __builtin_ffsll(long long);
int __builtin_popcount(unsigned);
int __builtin_popcountl(unsigned long);
int __builtin_popcountll(unsigned long long);
int __builtin_parity(unsigned);
