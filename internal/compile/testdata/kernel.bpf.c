// A kernel in small: its BTF stands for a real kernel's in tests. The names and the shapes are the
// kernel's; members are left out.

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef int pid_t;
typedef unsigned long size_t;
typedef __u64 rare_t;

enum { false = 0, true = 1 } a_bool;
enum { BPF_F_INDEX_MASK = 0xffffffffULL, BPF_F_CURRENT_CPU = 0xffffffffULL } a_flag;
enum { BPF_ANY = 0, BPF_NOEXIST = 1 } an_update;
enum bpf_map_type { BPF_MAP_TYPE_UNSPEC, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4, BPF_MAP_TYPE_RINGBUF = 27 };
enum xdp_action { XDP_ABORTED, XDP_DROP, XDP_PASS };
enum rare_choice { RARE_NO, RARE_YES };

struct list_head { struct list_head *next, *prev; };
struct tty_port { int count; };
struct tty_driver { int num; struct tty_port *port; const char *name; };
struct tty_struct { int index; struct tty_driver *driver; };
struct signal_struct { int nr_threads; struct tty_struct *tty; };
struct key { int serial; };
struct cred { u32 uid; struct key *session_keyring; };
struct rare { int number; rare_t other; };
struct task_struct {
	unsigned long state;
	pid_t pid, tgid;
	struct task_struct *real_parent;
	const struct cred *cred;
	struct signal_struct *signal;
	struct list_head tasks;
	char comm[16];
	unsigned int in_execve : 1, in_iowait : 1;
	char rest[5000];
};
struct trace_entry { unsigned short type; unsigned char flags, preempt_count; int pid; };
struct trace_event_raw_sched_process_exec {
	struct trace_entry ent;
	u32 __data_loc_filename;
	pid_t pid, old_pid;
	char __data[];
};
struct pt_regs { unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss; };
struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
struct __sk_buff { __u32 len, pkt_type, mark; };
struct iphdr { __u8 ihl : 4, version : 4; __u8 tos; __be16 tot_len; __u8 ttl, protocol; __be32 saddr, daddr; };

// BTF holds what a variable has.
struct task_struct init_task;
struct trace_event_raw_sched_process_exec sched_process_exec;
struct pt_regs regs;
struct xdp_md xdp;
struct __sk_buff skb;
struct iphdr ip;
struct tty_struct tty;
struct tty_driver driver;
struct tty_port port;
struct signal_struct signals;
struct key key;
struct cred cred;
struct rare rare;
enum bpf_map_type map_type;
enum xdp_action action;
enum rare_choice choice;
struct {
	u8 a; u16 b; u32 c; u64 d; s32 e; s64 f; __s8 g; __s16 h; __be16 i; __be32 j; __wsum k; bool l; pid_t m; size_t n;
	__u64 o; __u32 p; __u16 q; __u8 r; __s32 s; __s64 t;
} integers;
