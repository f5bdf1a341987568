package btfc_test

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/btfc"
)

// A struct with what it needs, for a reader. The Spec usually comes from
// btf.LoadSpec("/sys/kernel/btf/vmlinux") or an object file.
func ExampleWrite() {
	u32 := &btf.Typedef{Name: "u32", Type: &btf.Int{Name: "unsigned int", Size: 4}}
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	builder, err := btf.NewBuilder([]btf.Type{
		&btf.Struct{Name: "event", Size: 32, Members: []btf.Member{
			{Name: "pid", Type: u32},
			{Name: "failed", Type: u32, Offset: 32, BitfieldSize: 1},
			{Name: "name", Type: &btf.Array{Index: u32, Type: char, Nelems: 16}, Offset: 16 * 8},
		}},
	}, nil)
	if err != nil {
		panic(err)
	}
	spec, err := builder.Spec()
	if err != nil {
		panic(err)
	}

	o := btfc.Options{Types: []string{"event"}, Bare: true, Offsets: true}
	if err := btfc.Write(os.Stdout, spec, o); err != nil {
		panic(err)
	}
	o.Types = []string{"evnt"}
	fmt.Println(btfc.Write(os.Stdout, spec, o))
	// Output:
	// typedef unsigned int u32;
	//
	// struct event {
	// 	u32 pid;                                                /*     0       4 */
	// 	u32 failed: 1;                                          /*     4: 0    4 */
	// 	char: 7;
	// 	char: 8;
	// 	short: 16;
	// 	long: 64;
	// 	char name[16];                                          /*    16      16 */
	// }; /* size: 32 */
	// no type "evnt" in the BTF, did you mean event?
}
