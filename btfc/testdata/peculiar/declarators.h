struct s {
	unsigned int *(*a)[3];
	const unsigned char *(*b[2])(unsigned int, ...);
	volatile unsigned int *const c;
	unsigned char *d;
	__attribute__((address_space(1))) unsigned char *e;
	const unsigned char f[2][4];
};
