package btfvalue

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian

	u8    = &btf.Typedef{Name: "u8", Type: &btf.Int{Name: "unsigned char", Size: 1}}
	u16   = &btf.Int{Name: "unsigned short", Size: 2}
	u32   = &btf.Int{Name: "unsigned int", Size: 4}
	u64   = &btf.Int{Name: "unsigned long long", Size: 8}
	u128  = &btf.Int{Name: "unsigned __int128", Size: 16}
	s8    = &btf.Int{Name: "signed char", Size: 1, Encoding: btf.Signed}
	s32   = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	s64   = &btf.Int{Name: "long long", Size: 8, Encoding: btf.Signed}
	s128  = &btf.Int{Name: "__int128", Size: 16, Encoding: btf.Signed}
	char  = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	cbool = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}

	f16 = &btf.Float{Name: "_Float16", Size: 2}
	f32 = &btf.Float{Name: "float", Size: 4}
	f64 = &btf.Float{Name: "double", Size: 8}
	ldb = &btf.Float{Name: "long double", Size: 16}

	kind  = &btf.Enum{Name: "kind", Size: 4, Values: []btf.EnumValue{{Name: "EV_NONE"}, {Name: "EV_EXEC", Value: 1}, {Name: "EV_EXIT", Value: 2}}}
	flags = &btf.Enum{Name: "flags", Size: 1, Values: []btf.EnumValue{{Name: "READ", Value: 1}, {Name: "WRITE", Value: 2}, {Name: "EXEC", Value: 4}}}
	below = &btf.Enum{Name: "below", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "MINUS", Value: ^uint64(0)}, {Name: "PLUS", Value: 1}}}
	wide8 = &btf.Enum{Name: "wide", Size: 8, Values: []btf.EnumValue{{Name: "TOP", Value: 1 << 63}}}
)

func array(t btf.Type, n uint32) *btf.Array { return &btf.Array{Index: u32, Type: t, Nelems: n} }

// packed lays members out one after the other.
func packed(name string, members ...btf.Member) *btf.Struct {
	s := &btf.Struct{Name: name}
	bit := uint32(0)
	for _, m := range members {
		m.Offset = btf.Bits(bit)
		if m.BitfieldSize > 0 {
			bit += uint32(m.BitfieldSize)
		} else if size, err := sizeOf(m.Type); err == nil {
			bit += 8 * uint32(size)
		}
		s.Members = append(s.Members, m)
	}
	s.Size = (bit + 7) / 8
	return s
}

func union(name string, members ...btf.Member) *btf.Union {
	u := &btf.Union{Name: name, Members: members}
	for _, m := range members {
		if size, err := sizeOf(m.Type); err == nil {
			u.Size = max(u.Size, uint32(size))
		}
	}
	return u
}

func member(name string, t btf.Type) btf.Member { return btf.Member{Name: name, Type: t} }

func bitfield(name string, t btf.Type, bits btf.Bits) btf.Member {
	return btf.Member{Name: name, Type: t, BitfieldSize: bits}
}

var (
	nested = packed("event",
		member("pid", u32),
		member("", union("",
			member("word", u16),
			member("", packed("", member("low", u8), member("high", u8))))),
		member("", packed("", member("x", s8), member("y", s8))),
		member("grid", array(array(u16, 2), 2)),
		member("names", array(array(char, 4), 2)),
		member("addr", packed("addr", member("port", u16))))
	message = packed("message", member("len", u16), member("data", array(u16, 0)))
	mixed   = packed("mixed", bitfield("b", cbool, 1), bitfield("e", kind, 3), bitfield("n", below, 2), bitfield("s", s32, 10))
)

func TestDecode(t *testing.T) {
	tests := []struct {
		name  string
		typ   btf.Type
		order binary.ByteOrder
		data  string
		text  string
		json  string // same as text if empty
	}{
		{"u8", u8, le, "\xff", "255", ""},
		{"u16 little", u16, le, "\x01\x02", "513", ""},
		{"u16 big", u16, be, "\x01\x02", "258", ""},
		{"u32 big", u32, be, "\x00\x00\x01\x00", "256", ""},
		{"s8", s8, le, "\x80", "-128", ""},
		{"s32", s32, le, "\xfe\xff\xff\xff", "-2", ""},
		{"24 bits", &btf.Int{Size: 3, Encoding: btf.Signed}, be, "\xff\xff\xfe", "-2", ""},
		{"u64 exact", u64, le, "\x00\x00\x00\x00\x00\x00\x20\x00", "9007199254740992", ""},
		{"u64 too large for JavaScript", u64, le, "\x01\x00\x00\x00\x00\x00\x20\x00", "9007199254740993", `"9007199254740993"`},
		{"u64 largest", u64, be, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615", `"18446744073709551615"`},
		{"s64 smallest", s64, be, "\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808", `"-9223372036854775808"`},
		{"u128", u128, be, "\x80" + strings.Repeat("\x00", 15), "170141183460469231731687303715884105728", `"170141183460469231731687303715884105728"`},
		{"s128", s128, le, "\xfb" + strings.Repeat("\xff", 15), "-5", ""},
		{"bool", cbool, le, "\x01", "true", ""},
		{"bool of neither value", cbool, le, "\x02", "true(0x2)", "true"},
		{"char", char, le, "A", "'A'", "65"},
		{"char unprintable", char, le, "\x1b", "27", ""},
		{"half", f16, le, "\x00\xc1", "-2.5", ""},
		{"half subnormal", f16, be, "\x00\x01", "5.9604645e-08", "5.9604645e-08"},
		{"float", f32, be, "\x3d\xcc\xcc\xcd", "0.1", ""},
		{"double", f64, be, "\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5", ""},
		{"not a number", f64, be, "\x7f\xf8\x00\x00\x00\x00\x00\x01", "NaN", `"NaN"`},
		{"infinite", f32, be, "\xff\x80\x00\x00", "-Inf", `"-Inf"`},
		{"long double", ldb, le, "\x01" + strings.Repeat("\x00", 15), "<long double: [01 00 ×15]>", "[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"pointer", &btf.Pointer{Target: u8}, le, "\x00\xc0\xa5\x03\x80\x88\xff\xff", "0xffff888003a5c000", `"0xffff888003a5c000"`},
		{"function pointer", &btf.Pointer{Target: &btf.FuncProto{}}, be, "\x00\x00\x00\x00\x00\x00\x00\x00", "0x0", `"0x0"`},

		{"enum", kind, le, "\x01\x00\x00\x00", "EV_EXEC", `"EV_EXEC"`},
		{"enum unknown", kind, be, "\x00\x00\x00\x03", "3", ""},
		{"enum signed", below, le, "\xff\xff\xff\xff", "MINUS", `"MINUS"`},
		{"enum signed unknown", below, be, "\xff\xff\xff\xfe", "-2", ""},
		{"enum64", wide8, be, "\x80\x00\x00\x00\x00\x00\x00\x00", "TOP", `"TOP"`},
		{"enum of flags", flags, le, "\x05", "READ|EXEC", `"READ|EXEC"`},
		{"enum of flags with another bit", flags, le, "\x09", "9", ""},

		{"text", array(char, 8), le, "bash\x00\x00\x00\x00", `"bash"`, ""},
		{"text fills its array", array(char, 4), le, "bash", `"bash"`, ""},
		{"text then more", array(char, 8), le, "ls\x00-l\x00\x00\x00", `"ls\0…"`, `"ls"`},
		{"text of const char", array(&btf.Const{Type: char}, 2), le, "a\x00", `"a"`, ""},
		{"terminal sequence", array(char, 8), le, "\x1b[2J\xff\xe2\x80\xae", `"\x1b[2J\xff\u202e"`, `"\u001b[2J\\xff\u202e"`},
		{"astral and unprintable", array(char, 4), le, "\xf3\xa0\x80\x81", `"\U000e0001"`, `"\udb40\udc01"`},
		{"quotes", array(char, 4), le, `"\"a`, `"\"\\\"a"`, ""},
		{"bytes", array(u8, 6), le, "\x02\x42\xac\x11\x00\x02", "[02 42 ac 11 00 02]", "[2,66,172,17,0,2]"},
		{"bytes that are text", array(u8, 16), le, "bash" + strings.Repeat("\x00", 12), `[62 61 73 68 00 ×12] "bash"`, "[98,97,115,104,0,0,0,0,0,0,0,0,0,0,0,0]"},
		{"signed chars", array(s8, 3), le, "\xff\x00\x01", "[-1, 0, 1]", "[-1,0,1]"},
		{"list", array(u16, 3), be, "\x00\x01\x00\x02\x00\x03", "[1, 2, 3]", "[1,2,3]"},
		{"long run", array(u16, 12), be, "\x00\x01" + strings.Repeat("\x00", 22), "[1, 0 ×11]", "[1,0,0,0,0,0,0,0,0,0,0,0]"},
		{"empty array", array(u16, 0), le, "", "[]", ""},
		{"two dimensions", array(array(u8, 2), 2), le, "\x01\x02\x03\x04", "[[01 02], [03 04]]", "[[1,2],[3,4]]"},

		{
			"nested", nested, le,
			"\x2a\x00\x00\x00" + "\x01\x02" + "\xff\xfe" + "\x01\x00\x02\x00\x03\x00\x04\x00" + "ab\x00\x00cd\x00\x00" + "\x50\x00",
			`{pid: 42, word: 513 | {low: 1, high: 2}, x: -1, y: -2, grid: [[1, 2], [3, 4]], names: ["ab", "cd"], addr: {port: 80}}`,
			`{"pid":42,"word":513,"low":1,"high":2,"x":-1,"y":-2,"grid":[[1,2],[3,4]],"names":["ab","cd"],"addr":{"port":80}}`,
		},
		{"bitfields little", mixed, le, "\xf5\xff", "{b: true, e: EV_EXIT, n: MINUS, s: -1}", `{"b":true,"e":"EV_EXIT","n":"MINUS","s":-1}`},
		{"bitfields big", mixed, be, "\xac\x01", "{b: true, e: EV_EXIT, n: MINUS, s: 1}", `{"b":true,"e":"EV_EXIT","n":"MINUS","s":1}`},
		{
			"bitfield across nine bytes", packed("", bitfield("a", u8, 4), bitfield("b", u64, 64)), le, "\x1f\x32\x54\x76\x98\xba\xdc\xfe\x00",
			"{a: 15, b: 1147797409030816545}", `{"a":15,"b":"1147797409030816545"}`,
		},
		{"bitfield of 128 bits", packed("", bitfield("a", u8, 4), bitfield("b", s128, 100)), be, "\xff" + strings.Repeat("\xff", 11) + "\xe0", "{a: 15, b: -32}", `{"a":15,"b":-32}`},
		{"flexible array", message, be, "\x00\x02\x00\x07\x00\x08", "{len: 2, data: [7, 8]}", `{"len":2,"data":[7,8]}`},
		{"flexible array within", packed("", member("m", message)), be, "\x00\x02\x00\x07\x00\x08\x00", "{m: {len: 2, data: [7, 8]}}", `{"m":{"len":2,"data":[7,8]}}`},
		{"zero length within", packed("", member("mark", array(u16, 0)), member("x", u16)), be, "\x00\x02", "{mark: [], x: 2}", `{"mark":[],"x":2}`},
		{"forward member", packed("", member("x", u8), member("f", &btf.Fwd{Name: "gone"})), le, "\x01", "{x: 1, f: <struct gone>}", `{"x":1,"f":[]}`},
		{"empty struct", packed("nothing"), le, "", "{}", ""},
		{"typedef and qualifiers", &btf.Typedef{Name: "t", Type: &btf.Const{Type: &btf.Volatile{Type: &btf.TypeTag{Type: &btf.Restrict{Type: u16}}}}}, be, "\x01\x00", "256", ""},
		{"variable", &btf.Var{Name: "my_pid", Type: u16}, be, "\x01\x00", "256", ""},
		{
			"section", &btf.Datasec{Name: ".data", Size: 4, Vars: []btf.VarSecinfo{{Type: &btf.Var{Name: "a", Type: u8}, Size: 1}, {Type: &btf.Var{Name: "b", Type: u16}, Offset: 2, Size: 2}}},
			le, "\x01\x00\x02\x00", "{a: 1, b: 2}", `{"a":1,"b":2}`,
		},
		{"colliding names", packed("", member("a", u8), member("", packed("", member("a", u8))), member("a", u8)), le, "\x01\x02\x03", "{a: 1, a: 2, a: 3}", `{"a":1,"#1":{"a":2},"a#2":3}`},
		{"strange name", packed("", member("a\x1b[m", u8)), le, "\x01", `{"a\x1b[m": 1}`, `{"a\u001b[m":1}`},

		{"short scalar", u32, le, "\x01\x02", "<missing>", "null"},
		{"short struct", nested, le, "\x2a\x00\x00\x00\x01", "{pid: 42, word: <missing> | {low: 1, high: <missing>}, <4 members missing>}", ""},
		{"short list", array(u16, 4), be, "\x00\x01\x00", "[1, <missing>] <2 elements missing>", "[1,null]"},
		{"short text", array(char, 8), le, "ba", `"ba" <6 bytes missing>`, `"ba"`},
		{"no bytes", array(char, 8), le, "", "<missing>", "null"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := Decode(test.typ, test.order, []byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if got := v.String(); got != test.text {
				t.Errorf("text\n got %s\nwant %s", got, test.text)
			}
			if test.json == "" {
				test.json = test.text
			}
			got, _ := v.MarshalJSON()
			if json.Valid([]byte(test.json)) && string(got) != test.json {
				t.Errorf("JSON\n got %s\nwant %s", got, test.json)
			}
			agree(t, v, got)
		})
	}
}

// agree checks that JSON is valid and that Interface says the same.
func agree(t *testing.T, v Value, text []byte) {
	t.Helper()
	var fromJSON any
	if err := json.Unmarshal(text, &fromJSON); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if _, ok := v.Interface().(map[string]any); ok != (len(text) > 0 && text[0] == '{') {
		t.Errorf("Interface is %T, JSON %s", v.Interface(), text)
	}
}

func TestDecodeErrors(t *testing.T) {
	for name, typ := range map[string]btf.Type{
		"void":     (*btf.Void)(nil),
		"forward":  &btf.Fwd{Name: "gone"},
		"function": &btf.Func{Name: "f", Type: &btf.FuncProto{}},
	} {
		if _, err := Decode(typ, le, nil); !errors.Is(err, ErrNoLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(nil, le, nil); err == nil {
		t.Error("nil type")
	}
}

func TestOffsets(t *testing.T) {
	v, err := Decode(mixed, be, []byte("\xac\x01"))
	if err != nil {
		t.Fatal(err)
	}
	var got [][2]uint64
	for _, c := range v.Children {
		got = append(got, [2]uint64{c.Offset, c.Size})
	}
	if diff := cmp.Diff([][2]uint64{{0, 1}, {1, 3}, {4, 2}, {6, 10}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTrailing(t *testing.T) {
	for _, test := range []struct {
		typ  btf.Type
		data string
		want int
	}{
		{u32, "1234", 0},
		{u32, "1234567", 3},
		{u32, "12", 0},
		{message, "1234567", 1},
		{union("", member("a", array(u32, 0)), member("b", array(u16, 0))), "1234567", 1},
	} {
		v, err := Decode(test.typ, le, []byte(test.data))
		if err != nil || v.Trailing != test.want {
			t.Errorf("%s, %d bytes: %d trailing (%v), want %d", TypeName(test.typ), len(test.data), v.Trailing, err, test.want)
		}
	}
}

func TestAccessors(t *testing.T) {
	v, err := Decode(nested, le, []byte("\x2a\x00\x00\x00\x01\x02\xff\xfe"))
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := v.Field("high").Uint(); n != 2 || !ok {
		t.Errorf("high is %d, %v", n, ok)
	}
	if n, ok := v.Field("x").Int(); n != -1 || !ok {
		t.Errorf("x is %d, %v", n, ok)
	}
	if n, ok := v.Field("x").Uint(); ok {
		t.Errorf("x is %d as unsigned", n)
	}
	if v.Field("port") != nil {
		t.Error("port is a member of addr, not of event")
	}
	if v.Field("addr").State != Missing || v.State != Partial || !v.Truncated() {
		t.Error("what is missing is not marked")
	}
	wide, err := Decode(s128, be, []byte("\x80"+strings.Repeat("\x00", 15)))
	if err != nil {
		t.Fatal(err)
	}
	if want := new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127)); wide.Big().Cmp(want) != 0 {
		t.Errorf("%s, want %s", wide.Big(), want)
	}
	if _, ok := wide.Int(); ok {
		t.Error("-2^127 fits int64")
	}
}

func TestInterface(t *testing.T) {
	v, err := Decode(nested, le, []byte("\x2a\x00\x00\x00\x01\x02\xff\xfe\x01\x00\x02\x00\x03\x00\x04\x00ab\x00\x00cd\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"pid": uint64(42), "word": uint64(513), "low": uint64(1), "high": uint64(2), "x": int64(-1), "y": int64(-2),
		"grid":  []any{[]any{uint64(1), uint64(2)}, []any{uint64(3), uint64(4)}},
		"names": []any{"ab", "cd"}, "addr": nil,
	}
	if diff := cmp.Diff(want, v.Interface()); diff != "" {
		t.Error(diff)
	}
}

func TestPretty(t *testing.T) {
	record := packed("event",
		member("pid", u32),
		bitfield("kind", kind, 3), bitfield("flags", u32, 5),
		member("args", array(char, 8)),
		member("next", &btf.Pointer{Target: &btf.Struct{Name: "event"}}),
		member("points", array(packed("point", member("x", u8), member("y", u8)), 2)),
		member("late", array(u32, 2)))
	v, err := Decode(record, le, []byte("\x2a\x00\x00\x00\x09ls\x00-l\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `offset   size
     0     33  struct event
     0      4    unsigned int pid = 42
     4     3b    enum kind kind : 3 = EV_EXEC
   4.3     5b    unsigned int flags : 5 = 1
     5      8    char args[8] = "ls\x00-l"
    13      8    struct event *next = 0x0
    21      4    struct point points[2]
    21      2      [0] struct point
    21      1        u8 x = 1
    22      1        u8 y = 2
    23      2      [1] struct point
    23      1        u8 x = 3
    24      1        u8 y = 4
    25      8    unsigned int late[2] = <missing>
`
	if diff := cmp.Diff(want, v.Pretty()); diff != "" {
		t.Error(diff)
	}
}

func TestTypeName(t *testing.T) {
	pointer := func(t btf.Type) btf.Type { return &btf.Pointer{Target: t} }
	skb := &btf.Struct{Name: "sk_buff"}
	for _, test := range []struct {
		typ  btf.Type
		want string
	}{
		{u8, "u8"},
		{skb, "struct sk_buff"},
		{&btf.Union{}, "union"},
		{&btf.Fwd{Name: "x", Kind: btf.FwdUnion}, "union x"},
		{array(array(char, 4), 2), "char[2][4]"},
		{pointer(&btf.Const{Type: char}), "const char *"},
		{&btf.Const{Type: pointer(char)}, "char *const"},
		{pointer((*btf.Void)(nil)), "void *"},
		{pointer(pointer(skb)), "struct sk_buff **"},
		{pointer(array(u32, 3)), "unsigned int (*)[3]"},
		{array(pointer(u32), 3), "unsigned int *[3]"},
		{pointer(&btf.FuncProto{Return: s32, Params: []btf.FuncParam{{Type: pointer(skb)}, {Type: u8}}}), "int (*)(struct sk_buff *, u8)"},
		{pointer(&btf.FuncProto{Return: pointer((*btf.Void)(nil))}), "void *(*)(void)"},
		{nil, "void"},
	} {
		if got := TypeName(test.typ); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
