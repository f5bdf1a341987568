package btfc

import (
	"bytes"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func pointerTo(t btf.Type) btf.Type { return &btf.Pointer{Target: t} }

func arrayOf(n uint32, t btf.Type) btf.Type { return &btf.Array{Index: u32, Type: t, Nelems: n} }

// libbpfTypes are what libbpf's headers cannot do without.
var libbpfTypes = []btf.Type{
	typedef("__u8", u8), typedef("__u16", &btf.Int{Name: "unsigned short", Size: 2}),
	typedef("__u32", u32), typedef("__u64", &btf.Int{Name: "unsigned long long", Size: 8}),
	typedef("__s32", &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}),
	typedef("__s64", &btf.Int{Name: "long long", Size: 8, Encoding: btf.Signed}),
	typedef("__be16", &btf.Int{Name: "unsigned short", Size: 2}),
	typedef("__be32", u32), typedef("__wsum", u32),
}

// peculiar is BTF that C expresses with care.
var peculiar = []struct {
	name  string
	types []btf.Type
}{
	{
		"declarators",
		[]btf.Type{structOf("s", 56,
			btf.Member{Name: "a", Type: pointerTo(arrayOf(3, pointerTo(u32)))},
			btf.Member{Name: "b", Type: arrayOf(2, pointerTo(&btf.FuncProto{
				Return: pointerTo(&btf.Const{Type: u8}),
				Params: []btf.FuncParam{{Name: "x", Type: u32}, {Type: (*btf.Void)(nil)}},
			})), Offset: 64},
			btf.Member{Name: "c", Type: &btf.Const{Type: pointerTo(&btf.Volatile{Type: u32})}, Offset: 192},
			btf.Member{Name: "d", Type: pointerTo(&btf.TypeTag{Value: "user", Type: u8}), Offset: 256},
			btf.Member{Name: "e", Type: pointerTo(&btf.TypeTag{Value: "address_space(1)", Type: u8}), Offset: 320},
			btf.Member{Name: "f", Type: &btf.Const{Type: arrayOf(2, arrayOf(4, u8))}, Offset: 384},
		)},
	},
	{
		"names",
		[]btf.Type{
			structOf("s", 4, btf.Member{Name: "int", Type: u32}),
			structOf("s", 8, btf.Member{Name: "b", Type: pointerTo(structOf("int", 0))}, btf.Member{Name: "c", Type: arrayOf(0, u8), Offset: 64}),
			&btf.Enum{Name: "e", Size: 4, Values: []btf.EnumValue{{Name: "A", Value: 1}}},
			&btf.Enum{Name: "f", Size: 4, Values: []btf.EnumValue{{Name: "A", Value: 2}}},
			typedef("A", u32),
			&btf.Fwd{Name: "s", Kind: btf.FwdStruct},
			&btf.Fwd{Name: "s", Kind: btf.FwdUnion},
		},
	},
	{
		"packed and padded",
		[]btf.Type{
			structOf("s", 13, btf.Member{Name: "a", Type: u8}, btf.Member{Name: "b", Type: u64, Offset: 8}, btf.Member{Name: "c", Type: u8, Offset: 72}),
			structOf("compat", 12, btf.Member{Name: "a", Type: u32}, btf.Member{Name: "b", Type: u64, Offset: 32}),
			structOf("far", 256, btf.Member{Name: "a", Type: u8}, btf.Member{Name: "b", Type: u32, Offset: 200 * 8}),
			structOf("bits", 8, btf.Member{Name: "a", Type: u32, Offset: 3, BitfieldSize: 5}, btf.Member{Name: "b", Type: u32, Offset: 30, BitfieldSize: 2}),
			&btf.Union{Name: "u", Size: 128, Members: []btf.Member{{Name: "a", Type: u32}}},
		},
	},
	{
		"enums",
		[]btf.Type{
			&btf.Enum{Name: "byte", Size: 1, Values: []btf.EnumValue{{Name: "A", Value: 200}}},
			&btf.Enum{Name: "old", Size: 1, Values: []btf.EnumValue{{Name: "B", Value: math.MaxUint32}}},
			&btf.Enum{Name: "half", Size: 2, Signed: true, Values: []btf.EnumValue{{Name: "C", Value: 1}}},
			&btf.Enum{Name: "wide", Size: 8, Values: []btf.EnumValue{{Name: "D", Value: math.MaxUint64}}},
			&btf.Enum{Name: "low", Size: 8, Signed: true, Values: []btf.EnumValue{{Name: "E", Value: 1 << 63}}},
			&btf.Enum{Size: 4, Values: []btf.EnumValue{{Name: "F", Value: 7}}},
			&btf.Enum{Name: "none", Size: 4},
		},
	},
	{
		"embedded",
		[]btf.Type{structOf("outer", 8,
			btf.Member{Type: &btf.Const{Type: typedef("t", structOf("inner", 4, btf.Member{Name: "a", Type: u32}))}},
			btf.Member{Name: "b", Type: u32, Offset: 32},
		)},
	},
	{
		"integers of other languages",
		[]btf.Type{structOf("s", 64,
			btf.Member{Name: "a", Type: &btf.Int{Name: "i128", Size: 16, Encoding: btf.Signed}},
			btf.Member{Name: "b", Type: &btf.Int{Name: "long unsigned int", Size: 4}, Offset: 128},
			btf.Member{Name: "c", Type: &btf.Int{Name: "bool", Size: 1, Encoding: btf.Bool}, Offset: 160},
			btf.Member{Name: "d", Type: &btf.Float{Name: "long double", Size: 16}, Offset: 256},
			btf.Member{Name: "e", Type: &btf.Float{Name: "f64", Size: 8}, Offset: 384},
		)},
	},
	{
		"kfuncs",
		[]btf.Type{
			typedef("flags", u32),
			&btf.Func{
				Name: "bpf_b", Tags: []string{"bpf_kfunc", "bpf_fastcall"}, Linkage: btf.GlobalFunc,
				Type: &btf.FuncProto{Return: pointerTo(structOf("far", 0)), Params: []btf.FuncParam{{Name: "flags", Type: u32}, {Name: "x", Type: u32}}},
			},
			&btf.Func{
				Name: "bpf_a", Tags: []string{"bpf_kfunc"}, Linkage: btf.GlobalFunc,
				Type: &btf.FuncProto{Return: (*btf.Void)(nil)},
			},
			&btf.Func{Name: "no_kfunc", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{Return: (*btf.Void)(nil)}},
		},
	},
}

// TestPeculiar compares with testdata/peculiar; -update rewrites the files.
func TestPeculiar(t *testing.T) {
	for _, test := range peculiar {
		t.Run(test.name, func(t *testing.T) {
			var got, header bytes.Buffer
			if err := Write(&got, specOf(t, test.types...), Options{Bare: true, Kfuncs: true}); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("peculiar", strings.ReplaceAll(test.name, " ", "_")+".h"), got.Bytes())
			if err := Write(&header, specOf(t, append(libbpfTypes, test.types...)...), Options{Kfuncs: true}); err != nil {
				t.Fatal(err)
			}
			newWorkshop(t, header.Bytes())
		})
	}
}

// TestPadding holds what is made up for the purpose to its BTF, as TestLayout does
// for what kernels have.
func TestPadding(t *testing.T) {
	var spec *btf.Spec
	for _, test := range peculiar {
		if test.name == "packed and padded" {
			spec = specOf(t, append(libbpfTypes, test.types...)...)
		}
	}
	chosen, err := choose(spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := newPrinter(false)
	if err := p.write(chosen, Options{Guard: "H"}); err != nil {
		t.Fatal(err)
	}
	c := comparison{names: p.names}
	c.object(t, newWorkshop(t, p.out.Bytes()), chosen.types)
	if len(c.different) > 0 {
		t.Errorf("differences:\n%s", strings.Join(c.different, "\n"))
	}
}
