struct trace_entry {
	short unsigned int type;                                /*     0       2 */
	unsigned char flags;                                    /*     2       1 */
	unsigned char preempt_count;                            /*     3       1 */
	int pid;                                                /*     4       4 */
}; /* size: 8 */

typedef unsigned int __u32;
typedef __u32 u32;
typedef int __kernel_pid_t;
typedef __kernel_pid_t pid_t;

struct trace_event_raw_sched_process_exec {
	struct trace_entry ent;                                 /*     0       8 */
	u32 __data_loc_filename;                                /*     8       4 */
	pid_t pid;                                              /*    12       4 */
	pid_t old_pid;                                          /*    16       4 */
	char __data[0];                                         /*    20       0 */
}; /* size: 20 */
