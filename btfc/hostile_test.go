package btfc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

var (
	u8  = &btf.Int{Name: "unsigned char", Size: 1}
	u32 = &btf.Int{Name: "unsigned int", Size: 4}
	u64 = &btf.Int{Name: "unsigned long", Size: 8}
)

// rawBTF encodes types as they would stand in an object.
func rawBTF(t testing.TB, types ...btf.Type) []byte {
	t.Helper()
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func specOf(t testing.TB, types ...btf.Type) *btf.Spec {
	t.Helper()
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(rawBTF(t, types...)))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func structOf(name string, size uint32, members ...btf.Member) *btf.Struct {
	return &btf.Struct{Name: name, Size: size, Members: members}
}

func typedef(name string, t btf.Type) *btf.Typedef { return &btf.Typedef{Name: name, Type: t} }

// strange is BTF that C cannot express, or that nobody would emit.
var strange = []struct {
	name string
	make func() btf.Type
	want string // part of the error
}{
	{"struct in itself", func() btf.Type {
		s := structOf("s", 8)
		s.Members = []btf.Member{{Name: "s", Type: s}}
		return s
	}, "needs itself"},
	{"array of itself in a struct", func() btf.Type {
		s := structOf("s", 8)
		s.Members = []btf.Member{{Name: "a", Type: &btf.Array{Index: u32, Type: s, Nelems: 1}}}
		return s
	}, "needs itself"},
	{"array in itself", func() btf.Type {
		a := &btf.Array{Index: u32, Nelems: 2}
		a.Type = a
		return typedef("a", a)
	}, "nested more than"},
	{"typedef of itself", func() btf.Type {
		td := typedef("t", nil)
		td.Type = td
		return td
	}, "needs itself"},
	{"typedef of a pointer to itself", func() btf.Type {
		td := typedef("t", nil)
		td.Type = &btf.Pointer{Target: td}
		return td
	}, "needs itself"},
	{"pointer to itself", func() btf.Type {
		p := &btf.Pointer{}
		p.Target = p
		return typedef("t", p)
	}, "nested more than"},
	{"const of itself", func() btf.Type {
		c := &btf.Const{}
		c.Type = c
		return typedef("t", c)
	}, "nested more than"},
	{"function of itself", func() btf.Type {
		f := &btf.FuncProto{Return: u32}
		f.Params = []btf.FuncParam{{Type: &btf.Pointer{Target: f}}}
		return typedef("t", &btf.Pointer{Target: f})
	}, "nested more than"},
	{"anonymous struct with a pointer to itself", func() btf.Type {
		s := structOf("", 8)
		s.Members = []btf.Member{{Name: "next", Type: &btf.Pointer{Target: s}}}
		return typedef("t", s)
	}, "nested more than"},
	{"long chain", func() btf.Type {
		var t btf.Type = u32
		for range 10000 {
			t = &btf.Pointer{Target: t}
		}
		return typedef("t", t)
	}, "nested more than"},
	{"doubling anonymous structs", func() btf.Type {
		var t btf.Type = structOf("", 0)
		for range 60 {
			t = structOf("", 0, btf.Member{Name: "a", Type: t}, btf.Member{Name: "b", Type: t})
		}
		return typedef("t", t)
	}, "output longer than"},
	{"doubling functions", func() btf.Type {
		var t btf.Type = u32
		for range 60 {
			t = &btf.Pointer{Target: &btf.FuncProto{Return: u32, Params: []btf.FuncParam{{Type: t}, {Type: t}}}}
		}
		return typedef("t", t)
	}, "output longer than"},
	{"doubling embedded structs", func() btf.Type {
		t := structOf("s", 0)
		for i := range 60 {
			t = structOf(fmt.Sprintf("s%d", i), 0, btf.Member{Type: t}, btf.Member{Type: t})
		}
		return t
	}, "output longer than"},
	{"huge array", func() btf.Type {
		var t btf.Type = u64
		for range 5 {
			t = &btf.Array{Index: u32, Type: t, Nelems: math.MaxUint32}
		}
		return structOf("s", 8, btf.Member{Name: "a", Type: t})
	}, "array of 4294967295"},
	{"overlap", func() btf.Type {
		return structOf("s", 8, btf.Member{Name: "a", Type: u64}, btf.Member{Name: "b", Type: u32, Offset: 32})
	}, "overlap"},
	{"past the end", func() btf.Type {
		return structOf("s", 4, btf.Member{Name: "a", Type: u64})
	}, "outside its 4 bytes"},
	{"bit-field wider than its type", func() btf.Type {
		return structOf("s", 8, btf.Member{Name: "a", Type: u8, BitfieldSize: 9})
	}, "9 bits"},
	{"bit-field of a pointer", func() btf.Type {
		return structOf("s", 8, btf.Member{Name: "a", Type: &btf.Pointer{Target: u8}, BitfieldSize: 9})
	}, "9 bits"},
	{"comment in a name", func() btf.Type { return structOf("a */ b", 0) }, "no identifier"},
	{"newline in a member", func() btf.Type {
		return structOf("s", 4, btf.Member{Name: "x;\n#include \"/etc/passwd\"\n", Type: u32})
	}, "no identifier"},
	{"Rust", func() btf.Type { return structOf("Option<u32>", 0) }, "no identifier"},
	{"constant", func() btf.Type {
		return &btf.Enum{Name: "e", Size: 4, Values: []btf.EnumValue{{Name: "A}", Value: 1}}}
	}, "no identifier"},
	{"long name", func() btf.Type { return structOf(strings.Repeat("x", 1<<16), 0) }, "name of 65536 bytes"},
	{"void member", func() btf.Type {
		return structOf("s", 4, btf.Member{Name: "v", Type: (*btf.Void)(nil)})
	}, "has no size"},
	{"unnamed scalar", func() btf.Type { return structOf("s", 4, btf.Member{Type: u32}) }, "without a name"},
	{"odd enum", func() btf.Type {
		return structOf("s", 3, btf.Member{Name: "e", Type: &btf.Enum{Name: "e", Size: 3}})
	}, "enum of 3 bytes"},
	{"odd int", func() btf.Type {
		return structOf("s", 3, btf.Member{Name: "i", Type: &btf.Int{Name: "i24", Size: 3}})
	}, "scalar of 3 bytes"},
}

func TestHostile(t *testing.T) {
	for _, test := range strange {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := Write(&out, specOf(t, test.make()), Options{})
			if !errors.Is(err, ErrNotC) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q", err, test.want)
			}
			if len(err.Error()) > 4096 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
			if out.Len() > 0 {
				t.Errorf("%d bytes written in spite of the error", out.Len())
			}
		})
	}
}

// FuzzWrite feeds whole and trimmed output with BTF of any content.
func FuzzWrite(f *testing.F) {
	for _, s := range strange {
		// Neither large nor slow ones: mutants of the small ones lead there soon enough.
		if !strings.HasPrefix(s.name, "long") && !strings.HasPrefix(s.name, "doubling") {
			f.Add(rawBTF(f, s.make()))
		}
	}
	for _, p := range peculiar {
		f.Add(rawBTF(f, p.types...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
		if err != nil {
			return
		}
		for _, o := range []Options{
			{Kfuncs: true, Offsets: true},
			{Types: []string{"s"}, PointerDepth: 1},
			{Types: []string{"t"}, PointerDepth: -1, Enums: []string{""}, Bare: true},
		} {
			var out bytes.Buffer
			if err := Write(&out, spec, o); err != nil && out.Len() > 0 {
				t.Fatalf("%v, and %d bytes written", err, out.Len())
			}
			if out.Len() > maxOutput+1<<20 {
				t.Fatalf("%d bytes of output", out.Len())
			}
		}
	})
}
