/* SPDX-License-Identifier: Apache-2.0
 *
 * skep.h: show values beside the lines that computed them.
 *
 *	SHOW(x)			the value of x: integer, enum, bool, pointer, bit-field, array, struct, union.
 *				A pointer to a struct or union shows what it points to.
 *	SHOW_STR(ptr, len)	len bytes at ptr as text, 4096 at most; len may be computed.
 *	SUBMIT(x), SUBMIT_STR(ptr, len)
 *				the same, as the answer to a challenge.
 *
 * x is evaluated once. SHOW has no value. Scalars are passed on as the program reads them, so
 * fields of any context can be shown. Structs, unions, arrays and bytes are read with
 * bpf_probe_read_kernel and, if that fails, bpf_probe_read_user: for these the licence of the program has
 * to be compatible with the GPL. What cannot be read is reported as unreadable.
 *
 * This file needs no other header, works with clang 12 or later and any loader, and may come before or
 * after vmlinux.h and libbpf's headers.
 *
 *
 * For readers of objects and records
 *
 * Each use of a macro is a site. Section .skep.sites holds one variable for each; the BTF of the object has a
 * DATASEC of that name whose VARs are of anonymous struct types with these members, by name:
 *
 *	__u32 id	number of the site, unique in the object; sites on one line have
 *			rising numbers from left to right
 *	__u32 line	line in the source
 *	__u32 kind	enum skep_kind
 *	__u32 size	size of the value in bytes; 0 for SHOW_STR and SUBMIT_STR
 *	char expression[]  the text of x, or of ptr, with a final 0
 *	T type[0]	an array of no elements; its element type T is the type of the value:
 *			that of x, or of *x if x is a pointer to a struct or union; char for the STR macros
 *
 * A site in a function that the compiler left out has no variable. Member offsets vary; take them from the
 * BTF. The bytes of a variable are at its offset in the DATASEC.
 *
 * A record in the ring buffer skep_show is a struct skep_record (24 bytes) followed by the value, all
 * in the byte order of the target. A record may be longer than header plus length: what is behind
 * is undefined. Records that found no room are counted in element 0 (__u64) of the array skep_lost.
 */
#ifndef SKEP_H
#define SKEP_H

enum skep_kind {
	SKEP_SHOW = 1,
	SKEP_SHOW_STR = 2,
	SKEP_SUBMIT = 3,
	SKEP_SUBMIT_STR = 4,
};

struct skep_record {
	unsigned long long time; /* bpf_ktime_get_ns */
	unsigned int site;	 /* id of the site */
	unsigned int cpu;
	unsigned int length;	 /* of the value in bytes */
	/* 0; -14 (EFAULT): the value could not be read, its bytes are 0; -7 (E2BIG): only the
	 * first 4096 bytes are here; -22 (EINVAL): len was negative, there are no bytes. */
	int error;
};

#define SHOW(x) SKEP_VALUE_("SHOW(" #x ")", SKEP_SHOW, #x, __COUNTER__, (x))
#define SUBMIT(x) SKEP_VALUE_("SUBMIT(" #x ")", SKEP_SUBMIT, #x, __COUNTER__, (x))
#define SHOW_STR(ptr, len) \
	SKEP_BYTES_("SHOW_STR(" #ptr ", " #len ")", SKEP_SHOW_STR, #ptr, __COUNTER__, (ptr), (len))
#define SUBMIT_STR(ptr, len) \
	SKEP_BYTES_("SUBMIT_STR(" #ptr ", " #len ")", SKEP_SUBMIT_STR, #ptr, __COUNTER__, (ptr), (len))

/* The rest is not for use. skep defines SKEP_UNUSED when it compiles a source that includes this file but
 * has none of the macros: maps cannot be defined "if needed" in C. */
#ifndef SKEP_UNUSED

struct {
	int (*type)[27]; /* BPF_MAP_TYPE_RINGBUF */
	int (*max_entries)[1 << 20];
} skep_show __attribute__((section(".maps"), used));

struct {
	int (*type)[2]; /* BPF_MAP_TYPE_ARRAY */
	int (*max_entries)[1];
	unsigned int *key;
	unsigned long long *value;
} skep_lost __attribute__((section(".maps"), used));

/* Helpers by number (enum bpf_func_id), under names of our own: bpf_helpers.h may come later or never. */
static void *(*const skep_lookup_)(void *map, const void *key) = (void *)1;
static unsigned long long (*const skep_time_)(void) = (void *)5;
static unsigned int (*const skep_cpu_)(void) = (void *)8;
static long (*const skep_read_user_)(void *to, unsigned int size, const void *from) = (void *)112;
static long (*const skep_read_kernel_)(void *to, unsigned int size, const void *from) = (void *)113;
static void *(*const skep_reserve_)(void *ring, unsigned long long size, unsigned long long flags) = (void *)131;
static void (*const skep_submit_)(void *record, unsigned long long flags) = (void *)132;

/* One function for all sites: it is the path that is hardly ever taken. */
static __attribute__((noinline)) int skep_count_lost_(void)
{
	unsigned int zero = 0;
	unsigned long long *count = skep_lookup_(&skep_lost, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

/* Macros, so that the instructions count as the user's line and not as one of this file. */
#define SKEP_BEGIN_(record, site_, length_) do { \
	(record)->time = skep_time_(); \
	(record)->site = site_; \
	(record)->cpu = skep_cpu_(); \
	(record)->length = length_; \
	(record)->error = 0; \
} while (0)

/* Both helpers fill what they cannot read with 0. */
#define SKEP_READ_(to, size, from) \
	(!skep_read_kernel_(to, size, from) || !skep_read_user_(to, size, from) ? 0 : -14)

/* The size of a reservation has to be a constant for the verifier, hence one for each size class. */
static inline __attribute__((always_inline)) void skep_reserve_bytes_(unsigned int site, const void *from,
								      unsigned long long length, int error,
								      const unsigned int most)
{
	struct skep_record *record = skep_reserve_(&skep_show, sizeof(*record) + most, 0);

	if (!record) {
		skep_count_lost_();
		return;
	}
	/* In C, the compiler may bound another register than the one that it passes on. */
	asm volatile("if %[length] <= %[most] goto +1\n"
		     "%[length] = %[most]" : [length] "+r"(length) : [most] "i"(most));
	SKEP_BEGIN_(record, site, length);
	record->error = SKEP_READ_(record + 1, length, from) ?: error;
	skep_submit_(record, 0);
}

static __attribute__((noinline)) int skep_bytes_(unsigned int site, const void *from, long long length)
{
	int error = length < 0 ? -22 : length > 4096 ? -7 : 0;

	if (length < 0)
		length = 0;
	if (length <= 64)
		skep_reserve_bytes_(site, from, length, error, 64);
	else if (length <= 512)
		skep_reserve_bytes_(site, from, length, error, 512);
	else
		skep_reserve_bytes_(site, from, length, error, 4096);
	return 0;
}

#endif /* SKEP_UNUSED */

/* What __builtin_classify_type gives (gcc's typeclass.h). It takes bit-fields and void, which typeof and sizeof do
 * not, and gives 5 for arrays and functions too. */
#define SKEP_IS_ARITHMETIC_(class) ((class) >= 1 && (class) <= 4)
#define SKEP_IS_ADDRESS_(class) ((class) == 5)
#define SKEP_IS_RECORD_(class) ((class) == 12 || (class) == 13)

/* The verifier translates accesses to these contexts. Their memory holds something else. */
#define SKEP_IS_(pointer, name) __builtin_types_compatible_p(__typeof__(*(pointer)), struct name)
#define SKEP_IS_TRANSLATED_(p) \
	(SKEP_IS_(p, __sk_buff) || SKEP_IS_(p, xdp_md) || SKEP_IS_(p, sk_msg_md) || \
	 SKEP_IS_(p, sk_reuseport_md) || SKEP_IS_(p, bpf_sock_ops) || SKEP_IS_(p, bpf_sock_addr) || \
	 SKEP_IS_(p, bpf_sockopt) || SKEP_IS_(p, bpf_sysctl) || SKEP_IS_(p, bpf_sk_lookup) || \
	 SKEP_IS_(p, bpf_sock) || SKEP_IS_(p, bpf_tcp_sock) || SKEP_IS_(p, bpf_perf_event_data))

#define SKEP_SITE_(kind_, text, id_, size_, pointer) \
	static const struct { \
		unsigned int id, line, kind, size; \
		char expression[sizeof(text)]; \
		__typeof__(*(pointer)) type[0]; \
	} skep_site_ __attribute__((section(".skep.sites"), used)) = { \
		.id = id_, .line = __LINE__, .kind = kind_, .size = size_, .expression = text, \
	}

/* The pointers are never followed, only typeof looks at them:
 *	declared	x; without typeof on bit-fields
 *	pointee		what x points to, or the element or function that it is; char for the rest
 *	shown		what is recorded
 * __builtin_choose_expr checks both its operands but has the type, and is the lvalue, of one. */
#define SKEP_VALUE_(what, kind, text, id, x) ({ \
	_Pragma("clang diagnostic push") \
	_Pragma("clang diagnostic ignored \"-Wvoid-ptr-dereference\"") \
	_Pragma("clang diagnostic ignored \"-Wunknown-warning-option\"") \
	enum { skep_class_ = __builtin_classify_type(x) }; \
	__typeof__(__builtin_choose_expr(SKEP_IS_ARITHMETIC_(skep_class_), ({ x; }), x)) *skep_declared_; \
	__typeof__(*__builtin_choose_expr(SKEP_IS_ADDRESS_(skep_class_), *skep_declared_, (char *)0)) *skep_pointee_; \
	enum { \
		skep_decays_ = SKEP_IS_ADDRESS_(skep_class_) && \
			       !__builtin_types_compatible_p(__typeof__(*skep_declared_), __typeof__(({ *skep_declared_; }))), \
		skep_function_ = skep_decays_ && \
				 __builtin_types_compatible_p(__typeof__(*skep_declared_), __typeof__(*skep_pointee_)), \
		skep_follow_ = SKEP_IS_ADDRESS_(skep_class_) && !skep_decays_ && \
			       SKEP_IS_RECORD_(__builtin_classify_type(*skep_pointee_)), \
		skep_scalar_ = SKEP_IS_ARITHMETIC_(skep_class_) || \
			       (SKEP_IS_ADDRESS_(skep_class_) && !skep_decays_ && !skep_follow_), \
		skep_bad_ = !SKEP_IS_ARITHMETIC_(skep_class_) && !SKEP_IS_ADDRESS_(skep_class_) && \
			    !SKEP_IS_RECORD_(skep_class_), \
	}; \
	_Static_assert(skep_class_ != 0, what ": this has no value (void)"); \
	_Static_assert(!skep_bad_ || skep_class_ == 0, what ": BPF has no values of this type (floating point or complex)"); \
	_Static_assert(!skep_function_, what ": this is a function; call it, or take its address with &"); \
	__typeof__(*__builtin_choose_expr(skep_bad_ || skep_function_, (char *)0, \
		   __builtin_choose_expr(skep_follow_, skep_pointee_, skep_declared_))) *skep_shown_; \
	_Static_assert(sizeof(*skep_shown_) <= 4096, what ": this is larger than 4096 bytes; choose members of it"); \
	_Static_assert(!SKEP_IS_TRANSLATED_(skep_shown_), \
		       what ": the memory of this context is not what its type says; choose members of it"); \
	__typeof__(({ *__builtin_choose_expr(skep_scalar_, skep_shown_, (char *)0); })) skep_value_ = \
		__builtin_choose_expr(skep_scalar_, x, (char)0); \
	const void *skep_from_ = (const void *)__builtin_choose_expr(skep_scalar_, (char *)0, \
		__builtin_choose_expr(SKEP_IS_ADDRESS_(skep_class_), x, \
			&__builtin_choose_expr(SKEP_IS_RECORD_(skep_class_), x, *(char *)0))); \
	SKEP_SITE_(kind, text, id, sizeof(*skep_shown_), skep_shown_); \
	struct skep_record *skep_record_ = skep_reserve_(&skep_show, sizeof(*skep_record_) + sizeof(*skep_shown_), 0); \
	if (skep_record_) { \
		SKEP_BEGIN_(skep_record_, id, sizeof(*skep_shown_)); \
		if (skep_scalar_) \
			*(__typeof__(skep_value_) *)(skep_record_ + 1) = skep_value_; \
		else \
			skep_record_->error = SKEP_READ_(skep_record_ + 1, sizeof(*skep_shown_), skep_from_); \
		skep_submit_(skep_record_, 0); \
	} else { \
		skep_count_lost_(); \
	} \
	_Pragma("clang diagnostic pop") \
	(void)0; \
})

#define SKEP_BYTES_(what, kind, text, id, ptr, len) ({ \
	_Static_assert(SKEP_IS_ADDRESS_(__builtin_classify_type(ptr)), what ": the first argument has to be a pointer or an array"); \
	_Static_assert(SKEP_IS_ARITHMETIC_(__builtin_classify_type(len)), what ": the second argument has to be a number of bytes"); \
	SKEP_SITE_(kind, text, id, 0, (char *)0); \
	skep_bytes_(id, (const void *)ptr, (long long)len); \
	(void)0; \
})

#endif /* SKEP_H */
