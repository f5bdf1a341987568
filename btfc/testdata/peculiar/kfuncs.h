typedef unsigned int flags;

struct far {
};

#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

extern void bpf_a(void) __weak __ksym;
extern struct far *bpf_b(unsigned int, unsigned int x) __weak __ksym __bpf_fastcall;

#endif /* BPF_NO_KFUNC_PROTOTYPES */
