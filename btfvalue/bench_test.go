package btfvalue

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// benchmarkRecord has 30 members of the kinds that events have.
func benchmarkRecord() (btf.Type, []byte) {
	var members []btf.Member
	for i := range 5 {
		for name, typ := range []btf.Type{u64, u32, s32, kind, array(char, 16), &btf.Pointer{Target: u8}} {
			members = append(members, member(fmt.Sprintf("member_%d_%d", i, name), typ))
		}
	}
	record := packed("record", members...)
	data := make([]byte, record.Size)
	for i := range data {
		data[i] = byte('a' + i%26)
	}
	return record, data
}

func BenchmarkDecode(b *testing.B) {
	record, data := benchmarkRecord()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(record, le, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	record, data := benchmarkRecord()
	v, err := Decode(record, le, data)
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = v.AppendText(buffer[:0])
	}
}

func BenchmarkJSON(b *testing.B) {
	record, data := benchmarkRecord()
	v, err := Decode(record, le, data)
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = v.AppendJSON(buffer[:0])
	}
}
