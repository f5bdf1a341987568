// A program to attach uprobes and USDT probes to: /bin/target in the machine.
// It has no library, so that it starts in no time and has only the symbols
// that are written here.
//
//   target [TIMES]   calls every function TIMES times (1 if not given)

typedef unsigned long size_t;

// A function that is called, whatever the optimiser thinks of it.
#define PROBED __attribute__((noinline, used))

// One USDT probe with up to three arguments, as systemtap's <sys/sdt.h>
// writes it: a nop, and a note with its address and where the arguments are.
#define PROBE3(provider, name, a, b, c)                                   \
	asm volatile("990: nop\n"                                         \
		     ".pushsection .note.stapsdt,\"\",\"note\"\n"         \
		     ".balign 4\n"                                        \
		     ".4byte 992f-991f, 994f-993f, 3\n"                   \
		     "991: .asciz \"stapsdt\"\n"                          \
		     "992: .balign 4\n"                                   \
		     "993: .8byte 990b\n"                                 \
		     ".8byte _.stapsdt.base\n"                            \
		     ".8byte 0\n"                                         \
		     ".asciz \"" #provider "\"\n"                         \
		     ".asciz \"" #name "\"\n"                             \
		     ".asciz \"-4@%0 8@%1 -4@%2\"\n"                      \
		     "994: .balign 4\n"                                   \
		     ".popsection\n"                                      \
		     :: "r"(a), "r"(b), "r"(c))

asm(".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
    ".weak _.stapsdt.base\n"
    ".hidden _.stapsdt.base\n"
    "_.stapsdt.base: .space 1\n"
    ".size _.stapsdt.base, 1\n"
    ".popsection\n");

static long write_out(const char *text, size_t length)
{
	long result;
	asm volatile("syscall"
		     : "=a"(result)
		     : "0"(1L), "D"(1L), "S"(text), "d"(length)
		     : "rcx", "r11", "memory");
	return result;
}

static void leave(int status)
{
	asm volatile("syscall" :: "a"(231L), "D"((long)status) : "rcx", "r11", "memory");
	__builtin_unreachable();
}

PROBED int target_fn(int number)
{
	asm volatile("");
	return number + 1;
}

PROBED int target_add(int a, int b, long c)
{
	asm volatile("");
	return a + b + (int)c;
}

PROBED int greet(const char *name, int times)
{
	size_t length = 0;
	while (name[length])
		length++;
	for (int i = 0; i < times; i++)
		write_out(name, length);
	int written = (int)length * times;
	PROBE3(target, greeted, times, name, written);
	return written;
}

static int number_of(const char *text)
{
	int number = 0;
	while (*text >= '0' && *text <= '9')
		number = number * 10 + (*text++ - '0');
	return number;
}

__attribute__((used)) void start(long *stack)
{
	int times = stack[0] > 1 ? number_of((const char *)stack[2]) : 1;
	int sum = 0;
	for (int i = 0; i < times; i++) {
		sum = target_fn(41 + i);
		sum = target_add(sum, 2, 3);
		greet("hello", 1);
		write_out("\n", 1);
	}
	leave(sum == 0);
}

asm(".globl _start\n"
    ".type _start,@function\n"
    "_start: xor %ebp, %ebp\n"
    "mov %rsp, %rdi\n"
    "and $-16, %rsp\n"
    "call start\n"
    ".size _start, .-_start\n");
