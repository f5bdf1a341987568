package btfvalue

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// sample is a piece of C with an initialised value, and what must be read back.
type sample struct {
	declare func(name string) string // the declaration, without ';'
	init    string
	want    any // as from Value.Interface
	bits    int // of scalars that may be a bitfield
	width   func(bits int) sample
}

// generator draws C types. Its seed makes failures repeatable.
type generator struct {
	*rand.Rand
	tags int
	head strings.Builder // definitions that samples need
}

func (g *generator) plain(typ, init string, want any) sample {
	return sample{declare: func(name string) string { return typ + " " + name }, init: init, want: want}
}

func (g *generator) draw(depth int) sample {
	kinds := []func(int) sample{g.integer, g.integer, g.integer, g.enum, g.boolean, g.float, g.text, g.bytes, g.pointer, g.wide}
	if depth > 0 {
		kinds = append(kinds, g.structure, g.structure, g.union, g.array)
	}
	return kinds[g.IntN(len(kinds))](depth)
}

var cIntegers = []struct {
	name   string
	bits   int
	signed bool
}{
	{"signed char", 8, true},
	{"unsigned char", 8, false},
	{"short", 16, true},
	{"unsigned short", 16, false},
	{"int", 32, true},
	{"unsigned int", 32, false},
	{"volatile long", 64, true},
	{"const unsigned long", 64, false},
	{"my_u64", 64, false},
}

func (g *generator) integer(int) sample {
	c := cIntegers[g.IntN(len(cIntegers))]
	s := sample{bits: c.bits}
	s.width = func(bits int) sample {
		n := g.Uint64() << (64 - bits)
		var sample sample
		if c.signed {
			v := int64(n) >> (64 - bits)
			sample = g.plain(c.name, fmt.Sprintf("(long long)0x%xULL", uint64(v)), v)
		} else {
			v := n >> (64 - bits)
			sample = g.plain(c.name, fmt.Sprintf("0x%xULL", v), v)
		}
		return sample
	}
	whole := s.width(c.bits)
	whole.bits, whole.width = s.bits, s.width
	return whole
}

func (g *generator) enum(int) sample {
	e := []struct {
		typ   string
		names []string
	}{
		{"enum color", []string{"RED", "GREEN", "BLUE"}},
		{"enum below", []string{"MINUS", "NIL", "PLUS"}},
		{"enum wide", []string{"SMALL", "TOP"}},
		{"enum bits", []string{"BIT0", "BIT1", "BIT2", "BIT0|BIT2"}},
	}[g.IntN(4)]
	draw := func(int) sample {
		name := e.names[g.IntN(len(e.names))]
		return g.plain(e.typ, name, name)
	}
	s := draw(0)
	if e.typ != "enum wide" {
		s.bits, s.width = 32, func(bits int) sample {
			if bits < 3 {
				return g.plain(e.typ, e.names[0], e.names[0]) // fits in one bit
			}
			return draw(bits)
		}
	}
	return s
}

func (g *generator) boolean(int) sample {
	v := g.IntN(2) == 1
	s := g.plain("_Bool", strconv.Itoa(map[bool]int{true: 1}[v]), v)
	s.bits = 1
	s.width = func(int) sample { return g.plain("_Bool", s.init, v) }
	return s
}

func (g *generator) float(int) sample {
	f := g.NormFloat64() * 1e6
	if g.IntN(2) == 0 {
		return g.plain("double", strconv.FormatFloat(f, 'x', -1, 64), f)
	}
	return g.plain("float", strconv.FormatFloat(float64(float32(f)), 'x', -1, 32)+"f", float64(float32(f)))
}

func (g *generator) text(int) sample {
	words := []string{"", "bash", "a\nb", "\x1b[m", "naïve"}
	s, n := words[g.IntN(len(words))], 8+g.IntN(9)
	return sample{
		declare: func(name string) string { return fmt.Sprintf("char %s[%d]", name, n) },
		init:    cString(s), want: s,
	}
}

func cString(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "\\%03o", c)
	}
	return `"` + b.String() + `"`
}

func (g *generator) bytes(int) sample {
	n := 1 + g.IntN(7)
	list, want := make([]string, n), make([]any, n)
	for i := range n {
		c := g.IntN(256)
		list[i], want[i] = strconv.Itoa(c), uint64(c)
	}
	return sample{
		declare: func(name string) string { return fmt.Sprintf("my_u8 %s[%d]", name, n) },
		init:    "{" + strings.Join(list, ",") + "}", want: want,
	}
}

func (g *generator) pointer(int) sample {
	n := g.Uint64()
	init := fmt.Sprintf("(void *)0x%xUL", n)
	if g.IntN(2) == 0 {
		return g.plain("struct nowhere *", init, n)
	}
	return sample{declare: func(name string) string { return "int (*" + name + ")(void *, ...)" }, init: init, want: n}
}

func (g *generator) wide(int) sample {
	hi, lo := g.Uint64()|1<<63, g.Uint64()
	if g.IntN(2) == 0 {
		return g.plain("__int128", fmt.Sprintf("(__int128)0x%xULL << 64 | 0x%xULL", hi, lo), wide(hi, lo, true).String())
	}
	return g.plain("unsigned __int128", fmt.Sprintf("(unsigned __int128)0x%xULL << 64 | 0x%xULL", hi, lo), wide(hi, lo, false).String())
}

func (g *generator) array(depth int) sample {
	// Elements share a type, so all are one value, as one declaration gives it.
	e := g.draw(depth - 1)
	n := 1 + g.IntN(3)
	want := make([]any, n)
	for i := range want {
		want[i] = e.want
	}
	if strings.HasSuffix(e.declare("x"), "unsigned char x") {
		return e // that would be bytes, which g.bytes draws
	}
	return sample{
		declare: func(name string) string { return e.declare(fmt.Sprintf("%s[%d]", name, n)) },
		init:    "{" + strings.Repeat(e.init+",", n) + "}", want: want,
	}
}

func (g *generator) structure(depth int) sample {
	tag := g.tag()
	body, init, want := g.body(depth, tag)
	attribute := []string{"", "", "__attribute__((packed))"}[g.IntN(3)]
	fmt.Fprintf(&g.head, "struct %s { %s } %s;\n", tag, body, attribute)
	return g.plain("struct "+tag, init, want)
}

func (g *generator) tag() string {
	g.tags++
	return "t" + strconv.Itoa(g.tags)
}

// body draws the members of a struct; prefix keeps their names apart from those
// of the structs around an anonymous one.
func (g *generator) body(depth int, prefix string) (body, init string, want map[string]any) {
	var members, inits []string
	want = make(map[string]any)
	for i := range 1 + g.IntN(8) {
		name := fmt.Sprintf("%s_%d", prefix, i)
		if depth > 0 && g.IntN(8) == 0 {
			inner, init, sub := g.body(depth-1, name)
			members = append(members, "struct { "+inner+" };")
			inits = append(inits, init)
			for k, v := range sub {
				want[k] = v
			}
			continue
		}
		s, suffix := g.draw(depth-1), ""
		if s.width != nil && g.IntN(2) == 0 {
			bits := 1 + g.IntN(s.bits)
			s = s.width(bits)
			suffix = fmt.Sprintf(" : %d", bits)
		}
		if g.IntN(12) == 0 {
			members = append(members, "unsigned int : 0;")
		}
		members = append(members, s.declare(name)+suffix+";")
		inits = append(inits, "."+name+" = "+s.init)
		want[name] = s.want
	}
	return strings.Join(members, " "), "{ " + strings.Join(inits, ", ") + " }", want
}

// union has one member initialised, and others that are not looked at.
func (g *generator) union(depth int) sample {
	tag, first := g.tag(), g.draw(depth-1)
	fmt.Fprintf(&g.head, "union %s { %s; my_u8 raw[3]; };\n", tag, first.declare("first"))
	return g.plain("union "+tag, "{ .first = "+first.init+" }", map[string]any{"first": first.want})
}

const clangHead = `typedef unsigned long long my_u64;
typedef unsigned char my_u8;
enum color { RED, GREEN, BLUE };
enum below { MINUS = -1, NIL, PLUS };
enum wide { SMALL = 3, TOP = 0x8000000000000000ULL };
enum bits { BIT0 = 1, BIT1 = 2, BIT2 = 4 };
`

// TestClang lets clang lay out random structs and initialise them, and reads
// the bytes of the object's .data back by the object's BTF.
func TestClang(t *testing.T) {
	clang := findClang(t)
	const structs = 300
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	var source strings.Builder
	want := make(map[string]any)
	for i := range structs {
		s, name := g.structure(3), "v"+strconv.Itoa(i)
		want[name] = s.want
		// Without the attribute those that are all zero would go to .bss.
		fmt.Fprintf(&source, "__attribute__((section(\".data\"))) %s = %s;\n", s.declare(name), s.init)
	}
	for target, order := range map[string]binary.ByteOrder{"bpf": le, "bpfeb": be} {
		t.Run(target, func(t *testing.T) {
			object := compile(t, clang, target, clangHead+g.head.String()+source.String())
			section, data := dataSection(t, object)
			v, err := Limits{Values: 1 << 20}.Decode(section, order, data)
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Children) != structs || v.Truncated() {
				t.Fatalf("%d of %d variables, truncated %v", len(v.Children), structs, v.Truncated())
			}
			use(t, section, data)
			for i := range v.Children {
				c := &v.Children[i]
				if diff := cmp.Diff(want[c.Name], only(c.Interface(), want[c.Name])); diff != "" {
					t.Fatalf("%s\n%s\n%s", c.Name, c.Pretty(), diff)
				}
			}
		})
	}
}

// only keeps of got what want mentions: other members of unions hold the same
// memory, and are not predicted.
func only(got, want any) any {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return got
		}
		kept := make(map[string]any)
		for k, w := range want {
			if g, ok := got[k]; ok {
				kept[k] = only(g, w)
			}
		}
		return kept
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return got
		}
		for i := range got {
			got[i] = only(got[i], want[i])
		}
		return got
	default:
		return got
	}
}

func findClang(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"clang-19", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no clang: install clang-19 to let it lay out structs")
	return ""
}

func compile(t *testing.T, clang, target, source string) string {
	t.Helper()
	dir := t.TempDir()
	file, object := filepath.Join(dir, "t.c"), filepath.Join(dir, "t.o")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(clang, "-target", target, "-O2", "-g", "-w", "-c", file, "-o", object).CombinedOutput()
	if err != nil {
		t.Fatalf("clang: %v\n%.2000s", err, out)
	}
	return object
}

// dataSection returns the description and content of an object's .data.
func dataSection(t *testing.T, object string) (*btf.Datasec, []byte) {
	t.Helper()
	spec, err := btf.LoadSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	var section *btf.Datasec
	if err := spec.TypeByName(".data", &section); err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := file.Section(".data").Data()
	if err != nil {
		t.Fatal(err)
	}
	return section, data
}
