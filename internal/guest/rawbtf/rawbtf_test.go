package rawbtf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// encode makes BTF with a few kinds of types.
func encode(t testing.TB) []byte {
	t.Helper()
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	list := []btf.Type{
		&btf.Struct{Name: "point", Size: 8, Members: []btf.Member{{Name: "x", Type: number}, {Name: "y", Type: number, Offset: 32}}},
		&btf.Enum{Name: "color", Size: 4, Values: []btf.EnumValue{{Name: "RED"}, {Name: "BLUE", Value: 1}}},
		&btf.Func{Name: "bpf_lsm_open", Type: &btf.FuncProto{Return: number, Params: []btf.FuncParam{{Name: "p", Type: number}}}},
		&btf.Typedef{Name: "btf_trace_exec", Type: number},
		&btf.Array{Index: number, Type: number, Nelems: 3},
		&btf.Datasec{Name: ".data", Size: 4, Vars: []btf.VarSecinfo{{Type: &btf.Var{Name: "v", Type: number, Linkage: btf.GlobalVar}, Size: 4}}},
	}
	b, err := btf.NewBuilder(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWalk(t *testing.T) {
	blob, err := Parse(encode(t), binary.NativeEndian)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	if err := blob.Walk(func(kind int, name []byte, _ uint64) { found[kind] = string(name) }); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[int]string{KindFunc: "bpf_lsm_open", KindTypedef: "btf_trace_exec", KindDatasec: ".data"} {
		if found[kind] != want {
			t.Errorf("kind %d: %q, want %q", kind, found[kind], want)
		}
	}
}

func TestRename(t *testing.T) {
	blob, err := Parse(encode(t), binary.NativeEndian)
	if err != nil {
		t.Fatal(err)
	}
	renamed, err := blob.Rename(KindDatasec, ".data", ".data.of.another.name")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(renamed))
	if err != nil {
		t.Fatal(err)
	}
	var section *btf.Datasec
	if err := spec.TypeByName(".data.of.another.name", &section); err != nil {
		t.Error(err)
	}
}

func FuzzWalk(f *testing.F) {
	f.Add(encode(f))
	f.Fuzz(func(_ *testing.T, data []byte) {
		blob, err := Parse(data, binary.LittleEndian)
		if err != nil {
			return
		}
		_ = blob.Walk(func(int, []byte, uint64) {})
		_, _ = blob.Rename(KindDatasec, ".data", ".bss")
	})
}
