package btfvalue

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cilium/ebpf/btf"
)

// hostileTypes are what only broken or malicious BTF contains.
func hostileTypes() map[string]btf.Type {
	types := make(map[string]btf.Type)

	self := &btf.Struct{Name: "self", Size: 4}
	self.Members = []btf.Member{member("a", self), member("b", self), member("", self)}
	types["struct that contains itself"] = self

	loop := &btf.Typedef{Name: "loop"}
	loop.Type = &btf.Const{Type: loop}
	types["typedef of itself"] = loop

	ring := array(nil, 1)
	ring.Type = ring
	types["array of itself"] = ring

	proto := &btf.FuncProto{}
	for range 20 {
		proto.Params = append(proto.Params, btf.FuncParam{Type: &btf.Pointer{Target: proto}})
	}
	proto.Return = &btf.Pointer{Target: proto}
	types["function of itself"] = packed("", member("f", &btf.Pointer{Target: proto}))

	types["pointer chain"] = func() btf.Type {
		p := &btf.Pointer{}
		p.Target = p
		return array(p, 1000)
	}()
	types["array of 2^31 elements"] = array(u32, 1<<31)
	types["array of 2^31 nothings"] = array(packed(""), 1<<31)
	types["text of 2^31 bytes"] = array(char, 1<<31)
	types["too large to count"] = array(array(array(u64, 1<<31), 1<<31), 1<<31)
	types["flexible array of nothings"] = array(packed(""), 0)
	types["no type"] = packed("", member("x", nil), member("y", &btf.Pointer{}))
	types["member far behind"] = &btf.Struct{Name: "far", Size: 8, Members: []btf.Member{{Name: "x", Type: u32, Offset: 0xffffffff}}}
	types["wide bitfield"] = packed("", bitfield("x", u8, 200), bitfield("y", u128, 129), bitfield("z", ldb, 3), bitfield("s", self, 3), bitfield("t", array(char, 2), 3))
	types["text within a byte"] = packed("", bitfield("x", u8, 3), member("y", array(char, 2)), member("z", array(u16, 2)), member("s", nested), member("l", ldb))
	types["odd sizes"] = packed("", member("a", &btf.Int{Size: 0}), member("b", &btf.Int{Size: 255}), member("c", &btf.Int{Size: 1 << 31}), member("d", &btf.Enum{Size: 16}), member("e", &btf.Float{Size: 3}))
	types["long name"] = array(packed("", member(strings.Repeat("\x1b", 1<<20), u8)), 1000)

	deep := btf.Type(u8)
	for range 200 {
		deep = packed("", member("", deep))
	}
	types["200 structs"] = deep
	for range 200 {
		deep = array(deep, 1)
	}
	types["200 dimensions"] = deep

	many := &btf.Enum{Size: 4}
	for i := range 60_000 {
		many.Values = append(many.Values, btf.EnumValue{Name: "E", Value: uint64(i) << 20})
	}
	types["array of a large enumeration"] = array(many, 60_000)
	return types
}

func TestHostileTypes(t *testing.T) {
	data := bytes.Repeat([]byte{0xa5}, 1<<18)
	for name, typ := range hostileTypes() {
		t.Run(name, func(t *testing.T) {
			use(t, typ, data)
			use(t, typ, data[:3])
			use(t, typ, nil)
		})
	}
}

// use does with a type and data all that can be done, and checks the promises.
func use(t *testing.T, typ btf.Type, data []byte) {
	t.Helper()
	for _, order := range []binary.ByteOrder{le, be} {
		limits := Limits{Values: 5000}
		v, err := limits.Decode(typ, order, data)
		if err != nil {
			continue
		}
		if n := count(&v); n > limits.Values {
			t.Fatalf("%d values, limit %d", n, limits.Values)
		}
		for _, text := range []string{v.String(), v.Pretty()} {
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) }); i >= 0 || !utf8.ValidString(text) {
				t.Fatalf("text is not printable: %.100q", text[max(i, 0):])
			}
		}
		if j := v.AppendJSON(nil); !json.Valid(j) {
			t.Fatalf("JSON is not valid: %.1000s", j)
		}
		v.Interface()
		v.Truncated()
		v.Field("x")
		for _, text := range []string{"1", "[1]", "{a: 1}", "{x: {y: [1]}}"} {
			if size, err := sizeOf(typ); err == nil && size < 1<<16 {
				_, _ = Parse(typ, order, text)
			}
		}
	}
}

func count(v *Value) int {
	n := 1
	for i := range v.Children {
		n += count(&v.Children[i])
	}
	return n
}

func TestLimits(t *testing.T) {
	data := make([]byte, 400)
	v, err := Limits{Values: 11}.Decode(array(u32, 100), le, data)
	if err != nil || len(v.Children) != 10 || v.Omitted != 90 || v.Len() != 100 || !v.Truncated() {
		t.Errorf("%d children, %d omitted (%v)", len(v.Children), v.Omitted, err)
	}
	if got, want := v.String(), "[0 ×10, <90 not shown>]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	v, err = Limits{Depth: 2}.Decode(packed("", member("a", packed("", member("b", packed("", member("c", u8)))))), le, data)
	if got, want := v.String(), "{a: {b: {<1 not shown>}}}"; err != nil || got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

// FuzzDecode takes BTF as the kernel does, and reads data by all of its types.
func FuzzDecode(f *testing.F) {
	for _, typ := range []btf.Type{nested, mixed, message, flags, wide8, array(char, 8), ldb} {
		b, err := btf.NewBuilder([]btf.Type{typ}, nil)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := b.Marshal(nil, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, []byte("\x2a\x00\x00\x00bash\x00\x00\x00\x00\x1b[2J\xff"))
	}
	f.Fuzz(func(t *testing.T, raw, data []byte) {
		if len(raw) > 1<<14 || len(data) > 1<<12 {
			return
		}
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
		if err != nil {
			return
		}
		types := 0
		for typ, err := range spec.All() {
			if types++; err != nil || types > 50 {
				return
			}
			use(t, typ, data)
		}
	})
}

// FuzzTypes builds types as Go structs, which BTF's own checks never see.
func FuzzTypes(f *testing.F) {
	f.Add([]byte("\x08\x03\x01\x04\x02\x09\x00\x07\x05\x06"), []byte("data"))
	f.Fuzz(func(t *testing.T, recipe, data []byte) {
		if len(recipe) > 200 || len(data) > 1<<12 {
			return
		}
		use(t, cook(recipe), data)
	})
}

// cook makes a graph of types, which may have cycles, from bytes.
func cook(recipe []byte) btf.Type {
	types := []btf.Type{u8, char, s128, mixed, kind, f16, nil, cbool, &btf.Fwd{}, ldb}
	at := 0
	next := func() int {
		at++
		if at > len(recipe) {
			return 0
		}
		return int(recipe[at-1])
	}
	structs := []*btf.Struct{{Name: "a", Size: 4}, {Size: 7}, {Name: "c", Size: 200}}
	for _, s := range structs {
		types = append(types, s)
	}
	for at < len(recipe)/2 {
		inner := types[next()%len(types)]
		switch next() % 6 {
		case 0:
			types = append(types, array(inner, uint32(next())<<(next()%32)))
		case 1:
			types = append(types, &btf.Typedef{Name: string(recipe[:min(len(recipe), 3)]), Type: inner})
		case 2:
			types = append(types, &btf.Pointer{Target: inner})
		case 3:
			types = append(types, &btf.Union{Size: uint32(next()), Members: []btf.Member{{Type: inner}, {Type: types[next()%len(types)]}}})
		case 4:
			types = append(types, &btf.Int{Size: uint32(next()), Encoding: btf.IntEncoding(next())})
		case 5:
			types = append(types, &btf.Var{Type: inner})
		}
	}
	for _, s := range structs {
		for range next() % 8 {
			s.Members = append(s.Members, btf.Member{
				Name: []string{"", "x", "y\x9b"}[next()%3], Type: types[next()%len(types)],
				Offset: btf.Bits(next() << (next() % 4)), BitfieldSize: btf.Bits(max(0, next()-100)),
			})
		}
	}
	return structs[next()%len(structs)]
}

func FuzzParse(f *testing.F) {
	types := []btf.Type{u32, s128, cbool, kind, f32, array(char, 8), array(u8, 8), array(u16, 4), nested, mixed, &btf.Pointer{}}
	for i, text := range []string{"42", "-1", "true", "EV_EXEC", "1.5", "bash", "02:42", "[1, 2]", `{"pid": 42, addr: {port: 1}}`, "{.b = true}", "NULL"} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, i uint8, text string) {
		typ := types[int(i)%len(types)]
		data, err := Parse(typ, be, text)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Fatalf("error is not text: %q", err)
			}
			return
		}
		v, err := Decode(typ, be, data)
		if err != nil || v.Truncated() || v.Trailing != 0 {
			t.Fatalf("%q became %d bytes, which do not fit: %v", text, len(data), err)
		}
	})
}
