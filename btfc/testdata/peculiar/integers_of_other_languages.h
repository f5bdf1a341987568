struct s {
	__int128 a;
	unsigned int b;
	_Bool c;
	unsigned __int128 d;
	double e;
};
