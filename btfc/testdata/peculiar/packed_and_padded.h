struct s {
	unsigned char a;
	unsigned long b;
	unsigned char c;
	short: 16;
	char: 8;
} __attribute__((packed));

struct compat {
	unsigned int a;
	unsigned long b;
} __attribute__((packed, aligned(4)));

struct far {
	unsigned char a;
	char __gap_1[199];
	unsigned int b;
	int: 32;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
};

struct bits {
	char: 3;
	unsigned int a: 5;
	char: 8;
	char: 8;
	char: 6;
	unsigned int b: 2;
	int: 32;
};

union u {
	unsigned int a;
	char __gap_1[128];
};
