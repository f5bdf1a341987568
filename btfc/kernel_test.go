package btfc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/kernel"
)

// kernelSpec returns the BTF of a kernel that make setup has fetched.
func kernelSpec(t testing.TB, series string) *btf.Spec {
	t.Helper()
	k, err := kernel.Open(kernel.DefaultDir()).Get(series)
	if errors.Is(err, kernel.ErrNotFound) {
		t.Fatalf("%v: run make setup", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	spec, err := k.BTFSpec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// libbpfHeaders are included behind the header under test, as programs do.
const libbpfHeaders = `#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
`

// workshop is a folder in which a header is compiled.
type workshop struct {
	t     *testing.T
	dir   string
	clang string
}

// newWorkshop precompiles header together with libbpf's, as programs include them.
func newWorkshop(t *testing.T, header []byte) *workshop {
	t.Helper()
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	w := &workshop{t, t.TempDir(), clang}
	w.write("vmlinux.h", string(header))
	w.write("all.h", "#include \"vmlinux.h\"\n"+libbpfHeaders)
	w.run("-x", "c-header", "all.h", "-o", "all.pch")
	return w
}

func (w *workshop) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// run runs clang. A warning fails the test.
func (w *workshop) run(args ...string) {
	w.t.Helper()
	args = append([]string{"-target", "bpf", "-g", "-O2", "-Wall", "-Wextra", "-Werror"}, args...)
	cmd := exec.CommandContext(w.t.Context(), w.clang, args...)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("clang: %v\n%.4000s", err, out)
	}
}

// compile returns the BTF of source, which sees all headers.
func (w *workshop) compile(source string) *btf.Spec {
	w.t.Helper()
	w.write("test.c", source)
	w.run("-include-pch", "all.pch", "-c", "test.c", "-o", "test.o")
	spec, err := btf.LoadSpec(filepath.Join(w.dir, "test.o"))
	if err != nil {
		w.t.Fatal(err)
	}
	return spec
}

// TestLayout holds every type of every kernel to its BTF: each becomes a variable of
// an object, and what clang's BTF says of that variable's type must be what the
// kernel's BTF says.
func TestLayout(t *testing.T) {
	for _, series := range kernel.DefaultSeries {
		t.Run(series, func(t *testing.T) {
			t.Parallel()
			spec := kernelSpec(t, series)
			o := Options{Kfuncs: true, Guard: "__VMLINUX_H__"}
			chosen, err := choose(spec, o)
			if err != nil {
				t.Fatal(err)
			}
			p := newPrinter(false)
			if err := p.write(chosen, o); err != nil {
				t.Fatal(err)
			}

			c := comparison{names: p.names}
			w := newWorkshop(t, p.out.Bytes())
			// Clang searches its BTF strings one by one: many small objects are made
			// in a fraction of the time that one takes.
			for part := range slices.Chunk(chosen.types, len(chosen.types)/16+1) {
				c.object(t, w, part)
			}
			if c.types < 8000 || c.members < 50000 {
				t.Errorf("only %d types and %d members were compared", c.types, c.members)
			}
			t.Logf("%d types, %d members, %d constants", c.types, c.members, c.constants)
			if len(c.different) > 0 {
				t.Errorf("%d differences:\n%s", len(c.different), strings.Join(c.different[:min(50, len(c.different))], "\n"))
			}
		})
	}
}

// object compiles a program with a variable of each type and compares them.
func (c *comparison) object(t *testing.T, w *workshop, types []btf.Type) {
	t.Helper()
	var source strings.Builder
	for i, typ := range types {
		name, err := c.names.of(typ)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&source, "%s %s%s;\n", keyword(typ), name, variable(typ, i))
	}
	object := w.compile(source.String())
	for i, typ := range types {
		var v *btf.Var
		if err := object.TypeByName(strings.TrimLeft(variable(typ, i), " *"), &v); err != nil {
			t.Fatalf("%s: %v", describe(typ), err)
		}
		c.variable(typ, v.Type)
	}
}

// variable is the declarator of a type's variable: a pointer where the type has no
// size.
func variable(typ btf.Type, i int) string {
	switch btf.UnderlyingType(typ).(type) {
	case *btf.Fwd, *btf.FuncProto, *btf.Void:
		return fmt.Sprintf(" *variable_%d", i)
	}
	return fmt.Sprintf(" variable_%d", i)
}

// comparison collects differences between types of a kernel and of an object.
type comparison struct {
	names                     *names
	types, members, constants int
	different                 []string
}

func (c *comparison) differ(path, format string, args ...any) {
	c.different = append(c.different, path+": "+fmt.Sprintf(format, args...))
}

// variable compares the type that a variable was made for.
func (c *comparison) variable(want, got btf.Type) {
	c.types++
	path := describe(want)
	if p, ok := got.(*btf.Pointer); ok && strings.HasPrefix(variable(want, 0), " *") {
		got = p.Target
	}
	c.name(path, want, got)
	switch w := want.(type) {
	case *btf.Typedef:
		g, ok := got.(*btf.Typedef)
		if !ok {
			c.differ(path, "became %v", got)
			return
		}
		if w.Name != vaList {
			c.use(path, w.Type, g.Type)
		}
	case *btf.Fwd:
	default:
		c.content(path, want, got)
	}
}

func (c *comparison) name(path string, want, got btf.Type) {
	name, err := c.names.of(want)
	if err != nil || name != got.TypeName() {
		c.differ(path, "called %q, want %q (%v)", got.TypeName(), name, err)
	}
}

// unqualified peels qualifiers but not typedefs.
func unqualified(t btf.Type) btf.Type { return btf.QualifiedType(t) }

// use compares types where they are used: by name, or by content if they have none.
func (c *comparison) use(path string, want, got btf.Type) {
	want, got = unqualified(want), unqualified(got)
	if fwd, ok := want.(*btf.Fwd); ok {
		// Where there is a definition after all, it is one of the same kind.
		if !is[*btf.Fwd](got) && fwd.Kind.String() != keyword(got) {
			c.differ(path, "%v, want %v", got, want)
		}
		c.name(path, want, got)
		return
	}
	if fwd, ok := got.(*btf.Fwd); ok && fwd.Kind.String() == keyword(want) {
		// Clang leaves out the definitions behind pointers in structs.
		c.name(path, want, got)
		return
	}
	if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
		c.differ(path, "%v, want %v", got, want)
		return
	}
	switch want.(type) {
	case *btf.Typedef:
		c.name(path, want, got)
	case *btf.Struct, *btf.Union, *btf.Enum:
		if want.TypeName() != "" {
			c.name(path, want, got)
			return
		}
		c.content(path, want, got)
	default:
		c.content(path, want, got)
	}
}

// content compares two types of the same kind.
func (c *comparison) content(path string, want, got btf.Type) {
	switch w := want.(type) {
	case *btf.Int:
		// The kernel's char is unsigned since 6.2 and clang's is not; the name is the same.
		g := got.(*btf.Int)
		if w.Size != g.Size || intWords(w) != intWords(g) || w.Encoding != g.Encoding && w.Name != "char" {
			c.differ(path, "%v, want %v", g, w)
		}
	case *btf.Float:
		if g := got.(*btf.Float); *w != *g {
			c.differ(path, "%v, want %v", g, w)
		}
	case *btf.Pointer:
		c.use(path+" *", w.Target, got.(*btf.Pointer).Target)
	case *btf.Array:
		g := got.(*btf.Array)
		if w.Nelems != g.Nelems {
			c.differ(path, "%d elements, want %d", g.Nelems, w.Nelems)
		}
		c.use(path+" []", w.Type, g.Type)
	case *btf.FuncProto:
		c.function(path, w, got.(*btf.FuncProto))
	case *btf.Enum:
		c.enum(path, w, got.(*btf.Enum))
	case *btf.Struct, *btf.Union:
		c.composite(path, want, got)
	}
}

// intWords tells integer types apart that differ in more than spelling: GCC writes
// "long unsigned int" where clang writes "unsigned long".
func intWords(i *btf.Int) string {
	words := slices.DeleteFunc(strings.Fields(i.Name), func(w string) bool { return w == "int" })
	slices.Sort(words)
	return strings.Join(words, " ")
}

func (c *comparison) function(path string, want, got *btf.FuncProto) {
	c.use(path+" result", want.Return, got.Return)
	if len(want.Params) != len(got.Params) {
		c.differ(path, "%d parameters, want %d", len(got.Params), len(want.Params))
		return
	}
	for i := range want.Params {
		c.use(fmt.Sprintf("%s parameter %d", path, i), want.Params[i].Type, got.Params[i].Type)
	}
}

func (c *comparison) enum(path string, want, got *btf.Enum) {
	if len(want.Values) == 0 && len(got.Values) == 1 && want.Size == got.Size {
		return // C has no empty enums
	}
	names, err := c.names.ofConstants(want)
	if err != nil || want.Size != got.Size || len(want.Values) != len(got.Values) || want.Signed != got.Signed {
		c.differ(path, "%v signed %v, want %v signed %v (%v)", got, got.Signed, want, want.Signed, err)
		return
	}
	for i, v := range got.Values {
		c.constants++
		if v.Name != names[i] || v.Value != want.Values[i].Value {
			c.differ(path, "constant %s = %d, want %s = %d", v.Name, v.Value, names[i], want.Values[i].Value)
		}
	}
}

func (c *comparison) composite(path string, want, got btf.Type) {
	wantMembers, wantSize := composite(want)
	gotMembers, gotSize := composite(got)
	if wantSize != gotSize {
		c.differ(path, "%d bytes, want %d", gotSize/8, wantSize/8)
	}
	gotMembers = slices.DeleteFunc(slices.Clone(gotMembers), func(m btf.Member) bool {
		return strings.HasPrefix(m.Name, "__gap_")
	})
	if len(wantMembers) != len(gotMembers) {
		c.differ(path, "%d members, want %d", len(gotMembers), len(wantMembers))
		return
	}
	for i, w := range wantMembers {
		c.members++
		g := gotMembers[i]
		member := path + "." + w.Name
		if g.Name != w.Name || g.Offset != w.Offset || g.BitfieldSize != w.BitfieldSize {
			c.differ(member, "%s at bit %d of %d bits, want bit %d of %d bits",
				g.Name, g.Offset, g.BitfieldSize, w.Offset, w.BitfieldSize)
		}
		if e := embedded(w); e != nil && e.TypeName() != "" {
			c.content(member, e, g.Type)
			continue
		}
		c.use(member, w.Type, g.Type)
	}
}

// TestDeterministic parses the BTF twice, so that no two pointers agree.
func TestDeterministic(t *testing.T) {
	k, err := kernel.Open(kernel.DefaultDir()).Get("7")
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	for _, o := range []Options{
		{Kfuncs: true},
		{Types: []string{"task_struct", "sk_buff"}, PointerDepth: 2, Enums: []string{"bpf_", "BPF_"}, Kfuncs: true, Offsets: true},
	} {
		var first []byte
		for range 2 {
			spec, err := btf.LoadSpec(k.BTF())
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := Write(&b, spec, o); err != nil {
				t.Fatal(err)
			}
			if first != nil && !bytes.Equal(first, b.Bytes()) {
				t.Errorf("%+v: two runs differ", o)
			}
			first = b.Bytes()
		}
	}
}
