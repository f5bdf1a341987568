struct inner;
typedef struct inner t;

struct inner {
	unsigned int a;
};

struct outer {
	struct {
		unsigned int a;
	};
	unsigned int b;
};
