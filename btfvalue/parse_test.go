package btfvalue

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	all := strings.Repeat("\xff", 16)
	tests := []struct {
		typ   btf.Type
		order binary.ByteOrder
		text  string
		want  string
	}{
		{u32, le, "42", "\x2a\x00\x00\x00"},
		{u32, be, " 0x2A ", "\x00\x00\x00\x2a"},
		{u32, le, "0b101", "\x05\x00\x00\x00"},
		{u32, le, "4294967295", all[:4]},
		{s32, le, "-1", all[:4]},
		{s8, le, "-128", "\x80"},
		{u64, le, `"18446744073709551615"`, all[:8]},
		{u128, be, "340282366920938463463374607431768211455", all},
		{s128, le, "-1", all},
		{char, le, "'A'", "A"},
		{char, le, `'\n'`, "\n"},
		{cbool, le, "true", "\x01"},
		{cbool, le, "0", "\x00"},
		{f64, be, "1.5", "\x3f\xf8\x00\x00\x00\x00\x00\x00"},
		{f32, be, "-Inf", "\xff\x80\x00\x00"},
		{&btf.Pointer{}, be, "0xffff888003a5c000", "\xff\xff\x88\x80\x03\xa5\xc0\x00"},
		{&btf.Pointer{}, be, "NULL", "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{kind, le, "EV_EXIT", "\x02\x00\x00\x00"},
		{kind, le, "7", "\x07\x00\x00\x00"},
		{below, le, "MINUS", all[:4]},
		{wide8, be, "TOP", "\x80\x00\x00\x00\x00\x00\x00\x00"},
		{flags, le, "READ | EXEC", "\x05"},
		{array(char, 6), le, "bash", "bash\x00\x00"},
		{array(char, 6), le, "[a, b", "[a, b\x00"},
		{array(char, 6), le, "", "\x00\x00\x00\x00\x00\x00"},
		{array(char, 6), le, `"a\x00b\u00e9\n"`, "a\x00b\u00e9\n"},
		{array(u8, 3), le, "02:42:ac", "\x02\x42\xac"},
		{array(u8, 3), le, "0x0242", "\x02\x42\x00"},
		{array(u8, 3), le, "[2, 0x42]", "\x02\x42\x00"},
		{array(u8, 3), le, `"ab"`, "ab\x00"},
		{array(u16, 3), be, "[1, 2,]", "\x00\x01\x00\x02\x00\x00"},
		{array(array(char, 2), 2), be, `["a", b]`, "a\x00b\x00"},
		{mixed, le, "{b: true, e: EV_EXIT, n: MINUS, s: -1}", "\xf5\xff"},
		{mixed, be, "{.b = true, .e = 2, .n = -1, .s = 1}", "\xac\x01"},
		{nested, le, `{"pid": 42, "high": 1, addr: {port: 80}}`, "\x2a\x00\x00\x00\x00\x01" + strings.Repeat("\x00", 18) + "\x50\x00"},
		{&btf.Var{Name: "v", Type: &btf.Volatile{Type: u16}}, le, "1", "\x01\x00"},
	}
	for _, test := range tests {
		got, err := Parse(test.typ, test.order, test.text)
		if err != nil {
			t.Error(err)
		} else if string(got) != test.want {
			t.Errorf("%s = %s: got %q, want %q", TypeName(test.typ), test.text, got, test.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat("[", 100)
	tests := []struct {
		typ  btf.Type
		text string
		want string
	}{
		{u32, "5000000000", `set unsigned int to "5000000000": 5000000000 does not fit unsigned int, which takes 0 to 4294967295`},
		{u32, "-1", `set unsigned int to "-1": -1 does not fit unsigned int, which takes 0 to 4294967295`},
		{s8, "128", `set signed char to "128": 128 does not fit signed char, which takes -128 to 127`},
		{u32, "bash", `set unsigned int to "bash": unsigned int takes a number: "bash" is none; write it as 42, -1, 0x2a or 'a'`},
		{u32, "", `set unsigned int to "": at byte 0: a value is missing`},
		{u32, "[1]", `set unsigned int to "[1]": unsigned int takes a number: this is a list or an object`},
		{u32, "1, 2", `set unsigned int to "1, 2": at byte 1: ", 2" is left over`},
		{cbool, "yes", `set _Bool to "yes": _Bool takes true or false, not "yes"`},
		{kind, "EV_FORK", `set enum kind to "EV_FORK": enum kind takes a number: "EV_FORK" is none; write it as 42, -1, 0x2a or 'a'; enum kind has the values EV_NONE, EV_EXEC, EV_EXIT`},
		{f32, "1e39", `set float to "1e39": 1e39 does not fit float`},
		{f64, "much", `set double to "much": double takes a number such as 1.5 or -2e9, not "much"`},
		{array(char, 4), "longer", `set char[4] to "longer": 6 bytes do not fit char[4]`},
		{array(char, 4), `"open`, `set char[4] to "\"open": at byte 0: the text that begins here has no closing quote`},
		{array(u8, 2), "bash", `set u8[2] to "bash": u8[2] takes bytes such as 02:42:ac, 0x0242ac or [2, 66, 172], or text in quotes, not "bash"`},
		{array(u16, 2), "[1, 2, 3]", `set unsigned short[2] to "[1, 2, 3]": 3 elements do not fit unsigned short[2]`},
		{array(u16, 2), "1", `set unsigned short[2] to "1": unsigned short[2] takes a list such as [1, 2]`},
		{nested, "{grid: [[1], [2, 70000]]}", `set struct event to "{grid: [[1], [2, 70000]]}": grid[1][1]: 70000 does not fit unsigned short, which takes 0 to 65535`},
		{nested, "{addr: {prot: 1}}", `set struct event to "{addr: {prot: 1}}": addr: struct addr has no member "prot"; it has port`},
		{nested, "1", `set struct event to "1": struct event takes its members, such as {pid: …}`},
		{mixed, "{e: 8}", `set struct mixed to "{e: 8}": e: 8 does not fit enum kind of 3 bits, which takes 0 to 7; enum kind has the values EV_NONE, EV_EXEC, EV_EXIT`},
		{u32, deep, `set unsigned int to "` + deep[:60] + `"…: at byte 32: nested deeper than 32 levels`},
		{array(u8, 1<<30), "0x00", `set u8[1073741824] to "0x00": too large: the type has 1073741824 bytes (at most 16777216), the text 4 (at most 1048576)`},
		{&btf.Fwd{Name: "gone"}, "1", `set struct gone to "1": size of struct gone: type has no layout`},
		{packed("broken", btf.Member{Name: "x", Type: packed("", bitfield("y", u8, 1))}), "{x: {z: 1}}", `set struct broken to "{x: {z: 1}}": x: struct has no member "z"; it has y`},
		{&btf.Struct{Name: "broken", Members: []btf.Member{member("x", u32)}}, "{x: 1}", `set struct broken to "{x: 1}": x: unsigned int lies outside of its type: the type information is broken`},
	}
	for _, test := range tests {
		_, err := Parse(test.typ, le, test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
}

// TestRoundTrip lays random values out by Parse and reads them back by Decode,
// by way of the JSON of the first reading.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var order binary.ByteOrder = le
		if rapid.Bool().Draw(t, "big endian") {
			order = be
		}
		typ := randomType(t, 3)
		size, err := sizeOf(typ)
		if err != nil {
			t.Fatal(err)
		}
		data := rapid.SliceOfN(rapid.Byte(), int(size), int(size)).Draw(t, "data")
		before, err := Decode(typ, order, data)
		if err != nil {
			t.Fatal(err)
		}
		json := string(before.AppendJSON(nil))
		again, err := Parse(typ, order, json)
		if err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		after, err := Decode(typ, order, again)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(after.AppendJSON(nil)); got != json {
			t.Fatalf("got  %s\nwant %s", got, json)
		}
	})
}

// randomType draws structs of all that survives JSON: text does not where it is
// not UTF-8, nor do unions that hold it, nor NaN's many forms.
func randomType(t *rapid.T, depth int) btf.Type {
	if depth == 0 || rapid.Bool().Draw(t, "scalar") {
		return rapid.SampledFrom([]btf.Type{u8, u16, u32, u64, u128, s8, s32, s64, s128, kind, flags, below, wide8, &btf.Pointer{Target: u8}}).Draw(t, "type")
	}
	if rapid.Bool().Draw(t, "array") {
		return array(randomType(t, depth-1), rapid.Uint32Range(0, 3).Draw(t, "length"))
	}
	var members []btf.Member
	for i := range rapid.IntRange(1, 5).Draw(t, "members") {
		m := member(string(rune('a'+i)), randomType(t, depth-1))
		if whole, ok := peel(m.Type).(*btf.Int); ok && rapid.Bool().Draw(t, "bitfield") {
			m.BitfieldSize = btf.Bits(rapid.Uint32Range(1, 8*whole.Size).Draw(t, "bits"))
		} else {
			m.Type = aligned(members, m.Type)
		}
		members = append(members, m)
	}
	return packed("s", members...)
}

// aligned replaces a type that would begin within a byte.
func aligned(before []btf.Member, t btf.Type) btf.Type {
	bits := 0
	for _, m := range before {
		bits += int(m.BitfieldSize)
	}
	if bits%8 == 0 {
		return t
	}
	return u32 // is read at any bit
}
