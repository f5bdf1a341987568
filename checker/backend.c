/* SPDX-License-Identifier: Apache-2.0
 *
 * A target for TCC that has BPF's data model (64-bit pointers and longs, little endian) and generates nothing:
 * neither code nor data nor an ELF file. What TCC asks of a target and of its linker is answered here. Values
 * still get registers, because TCC tells values and places by that.
 */
#ifdef TARGET_DEFS_ONLY

#define NB_REGS 6
#define RC_INT 1
#define RC_FLOAT 2
#define RC_IRET 4
#define RC_IRE2 8
#define RC_FRET 16
#define RC_FRE2 32
#define REG_IRET 0
#define REG_IRE2 1
#define REG_FRET 4
#define REG_FRE2 5
#define PTR_SIZE 8
#define LDOUBLE_SIZE 16
#define LDOUBLE_ALIGN 16
#define MAX_ALIGN 8 /* __BIGGEST_ALIGNMENT__ of clang for BPF */
#define R_DATA_32 1
#define R_DATA_PTR 2
#define PCRELATIVE_DLLPLT 0
#define RELOCATE_DLLPLT 0

#else

static const int reg_classes[NB_REGS] = {
	RC_INT | RC_IRET, RC_INT | RC_IRE2, RC_INT, RC_INT, RC_FLOAT | RC_FRET, RC_FLOAT | RC_FRE2,
};

static void gsym_addr(int t, int a) {}
static void load(int r, SValue *sv) {}
static void store(int r, SValue *sv) {}
static void gfunc_epilog(void) {}
static void gjmp_addr(int a) {}
static void gen_cvt_sxtw(void) {}
static void gen_cvt_csti(int t) {}
static void gen_vla_sp_save(int addr) {}
static void gen_vla_sp_restore(int addr) {}
static void gen_fill_nops(int n) {}

static void gfunc_call(int nb_args)
{
	vtop -= nb_args + 1;
}

static int gfunc_sret(CType *vt, int variadic, CType *ret, int *align, int *regsize)
{
	*align = 1;
	*regsize = 8;
	return 0; /* by a hidden pointer */
}

static void gfunc_prolog(Sym *function)
{
	Sym *parameter = function->type.ref;
	int align, at = 16;

	func_vt = parameter->type;
	func_vc = 8;
	loc = 0;
	while ((parameter = parameter->next)) {
		int size = type_size(&parameter->type, &align);

		sym_push(parameter->v & ~SYM_FIELD, &parameter->type, VT_LOCAL | VT_LVAL, at);
		at += size < 0 ? 8 : (size + 7) & ~7;
	}
}

static int gjmp(int t)
{
	return t;
}

static int gjmp_cond(int op, int t)
{
	return t;
}

static int gjmp_append(int n, int t)
{
	return n ? n : t;
}

/* An operation takes two values and leaves one in a register. */
static void operation(int r)
{
	vtop--;
	vtop->r = r;
	vtop->r2 = VT_CONST;
	vtop->c.i = 0;
}

static void gen_opi(int op)
{
	operation(REG_IRET);
}

static void gen_opl(int op)
{
	operation(REG_IRET);
}

static void gen_opf(int op)
{
	operation(op >= TOK_ULT && op <= TOK_GT ? REG_IRET : REG_FRET);
}

static void gen_cvt_itof(int t)
{
	vtop->r = REG_FRET;
}

static void gen_cvt_ftoi(int t)
{
	vtop->r = REG_IRET;
}

static void gen_cvt_ftof(int t)
{
	vtop->r = REG_FRET;
}

static void ggoto(void)
{
	vtop--;
}

static void gen_vla_alloc(CType *type, int align)
{
	vtop--;
}

/* ---- the linker: every section is the same empty one, every symbol its second */

static ElfSym no_symbols[2];

static struct {
	Section section;
	char name[8];
} no_section;

static void open_sections(void)
{
	no_section.section.data = (unsigned char *)no_symbols;
	text_section = data_section = bss_section = common_section = &no_section.section;
	symtab_section = &no_section.section;
}

static size_t section_add(Section *sec, addr_t size, int align)
{
	return 0;
}

static void *section_ptr_add(Section *sec, addr_t size)
{
	return NULL; /* never written to: NODATA_WANTED */
}

static void section_reserve(Section *sec, unsigned long size) {}
static void section_realloc(Section *sec, unsigned long size) {}
static void add_array(TCCState *s, const char *sec, int c) {}
static void squeeze_multi_relocs(Section *sec, size_t offset) {}
static void put_elf_reloca(Section *symtab, Section *s, unsigned long offset, int type, int symbol, addr_t addend) {}

static int put_elf_sym(Section *s, addr_t value, unsigned long size, int info, int other, int shndx, const char *name)
{
	no_symbols[1].st_shndx = SHN_UNDEF;
	return 1;
}

#endif
