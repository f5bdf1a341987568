enum byte {
	A = 200,
} __attribute__((packed));

enum old {
	B = -1,
} __attribute__((packed));

enum half {
	C = 1,
} __attribute__((mode(HI)));

enum wide {
	D = 18446744073709551615ULL,
};

enum low {
	E = -9223372036854775807LL - 1,
};

enum none {
	__empty_enum = 0,
};

enum {
	F = 7,
};
