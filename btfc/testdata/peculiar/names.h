struct s {
	unsigned int int_;
};

struct int___2;

struct s___2 {
	struct int___2 *b;
	unsigned char c[0];
};

enum e {
	A = 1,
};

enum f {
	A___2 = 2,
};

typedef unsigned int A___3;
union s___3;

struct int___2 {
};
