typedef unsigned char __u8;
typedef short unsigned int __u16;
typedef __u16 __be16;
typedef __u16 __sum16;
typedef unsigned int __u32;
typedef __u32 __be32;

struct iphdr {
	__u8 ihl: 4;                                            /*     0: 0    1 */
	__u8 version: 4;                                        /*     0: 4    1 */
	__u8 tos;                                               /*     1       1 */
	__be16 tot_len;                                         /*     2       2 */
	__be16 id;                                              /*     4       2 */
	__be16 frag_off;                                        /*     6       2 */
	__u8 ttl;                                               /*     8       1 */
	__u8 protocol;                                          /*     9       1 */
	__sum16 check;                                          /*    10       2 */
	union {
		struct {
			__be32 saddr;                           /*    12       4 */
			__be32 daddr;                           /*    16       4 */
		};                                              /*    12       8 */
		struct {
			__be32 saddr;                           /*    12       4 */
			__be32 daddr;                           /*    16       4 */
		} addrs;                                        /*    12       8 */
	};                                                      /*    12       8 */
}; /* size: 20 */
