package btfvalue_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/btfvalue"
)

// event is what btf.LoadSpec finds in an object for
//
//	struct event {
//		unsigned int pid;
//		enum { EXEC = 1, EXIT } kind : 4;
//		unsigned int cpu : 12;
//		char comm[16];
//		unsigned long long time;
//	};
func event() btf.Type {
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	u64 := &btf.Int{Name: "unsigned long long", Size: 8}
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	kind := &btf.Enum{Size: 4, Values: []btf.EnumValue{{Name: "EXEC", Value: 1}, {Name: "EXIT", Value: 2}}}
	return &btf.Struct{Name: "event", Size: 32, Members: []btf.Member{
		{Name: "pid", Type: u32},
		{Name: "kind", Type: kind, Offset: 32, BitfieldSize: 4},
		{Name: "cpu", Type: u32, Offset: 36, BitfieldSize: 12},
		{Name: "comm", Type: &btf.Array{Index: u32, Type: char, Nelems: 16}, Offset: 64},
		{Name: "time", Type: u64, Offset: 192},
	}}
}

func ExampleDecode() {
	data := []byte("\x2a\x00\x00\x00" + "\x31\x00\x00\x00" + "bash\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\xca\x9a\x3b\x00\x00\x00\x00")
	v, err := btfvalue.Decode(event(), binary.LittleEndian, data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v)

	line, _ := json.Marshal(v)
	fmt.Println(string(line))

	pid, _ := v.Field("pid").Uint()
	fmt.Println("the pid is", pid)

	// The buffer ended early: what is there is read, the rest is marked.
	short, _ := btfvalue.Decode(event(), binary.LittleEndian, data[:8])
	fmt.Println(short)
	// Output:
	// {pid: 42, kind: EXEC, cpu: 3, comm: "bash", time: 1000000000}
	// {"pid":42,"kind":"EXEC","cpu":3,"comm":"bash","time":1000000000}
	// the pid is 42
	// {pid: 42, kind: EXEC, cpu: 3, <2 members missing>}
}

func ExampleParse() {
	data, err := btfvalue.Parse(event(), binary.BigEndian, `{pid: 42, kind: EXIT, comm: "sh"}`)
	fmt.Printf("% x %v\n", data[:12], err)

	_, err = btfvalue.Parse(event(), binary.BigEndian, `{cpu: 4096}`)
	fmt.Println(err)
	// Output:
	// 00 00 00 2a 20 00 00 00 73 68 00 00 <nil>
	// set struct event to "{cpu: 4096}": cpu: 4096 does not fit unsigned int of 12 bits, which takes 0 to 4095
}

func ExampleValue_Pretty() {
	v, _ := btfvalue.Decode(event(), binary.LittleEndian, []byte("\x2a\x00\x00\x00\x31\x00\x00\x00ls\x00-l\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	fmt.Print(v.Pretty())
	// Output:
	// offset   size
	//      0     32  struct event
	//      0      4    unsigned int pid = 42
	//      4     4b    enum kind : 4 = EXEC
	//    4.4    12b    unsigned int cpu : 12 = 3
	//      8     16    char comm[16] = "ls\x00-l"
	//     24      8    unsigned long long time = <missing>
}
