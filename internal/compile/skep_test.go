package compile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// sites reads section .skep.sites by what skep.h's comment says, one line a site: "line kind size expression: type".
func sites(t *testing.T, object []byte) []string {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	section := file.Section(".skep.sites")
	if section == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	var all *btf.Datasec
	if err := spec.TypeByName(".skep.sites", &all); err != nil {
		t.Fatal(err)
	}
	list := make([]string, len(all.Vars))
	for _, v := range all.Vars {
		layout := btf.UnderlyingType(v.Type.(*btf.Var).Type).(*btf.Struct)
		bytesOf := map[string][]byte{}
		var value btf.Type
		for _, m := range layout.Members {
			bytesOf[m.Name] = data[v.Offset+m.Offset.Bytes():]
			if m.Name == "type" {
				value = m.Type.(*btf.Array).Type
			}
		}
		number := func(name string) uint32 { return binary.LittleEndian.Uint32(bytesOf[name]) }
		text, _, _ := bytes.Cut(bytesOf["expression"], []byte{0})
		id := number("id")
		if int(id) >= len(list) || list[id] != "" {
			t.Fatalf("site %d of %d is there twice or out of range", id, len(list))
		}
		size, _ := btf.Sizeof(value)
		if kind := number("kind"); kind%2 == 1 && uint32(size) != number("size") {
			t.Errorf("%s: size %d, its type has %d", text, number("size"), size)
		}
		list[id] = fmt.Sprintf("%d %d %d %s: %v", number("line"), number("kind"), number("size"), text, value)
	}
	return list
}

var update = flag.Bool("update", false, "write testdata/show.sites anew")

func TestShow(t *testing.T) {
	source, err := os.ReadFile("testdata/show.bpf.c")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/show.sites")
	if err != nil {
		t.Fatal(err)
	}
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r := compileText(t, c, "show.bpf.c", string(source))
		if r.Object == nil || len(r.Diagnostics) > 0 {
			t.Fatal(r.Diagnostics)
		}
		got := strings.Join(sites(t, r.Object), "\n") + "\n"
		if *update {
			if err := os.WriteFile("testdata/show.sites", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("(-testdata/show.sites +now)\n%s", diff)
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(r.Object))
		if err != nil {
			t.Fatal(err)
		}
		ring, lost := spec.Maps["skep_show"], spec.Maps["skep_lost"]
		if ring == nil || ring.Type != ebpf.RingBuf || lost == nil || lost.Type != ebpf.Array || lost.ValueSize != 8 {
			t.Errorf("maps: %v, %v", ring, lost)
		}
	})
}

func TestShowUnused(t *testing.T) {
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r := compileText(t, c, "prog.bpf.c", "#include <skep.h>\n"+head+"int f(void) { return 0; }\n")
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(r.Object))
		if err != nil || len(spec.Maps) != 0 || len(sites(t, r.Object)) != 0 {
			t.Error(err, spec)
		}
	})
}

// TestShowAlone: no other header is needed, and any order will do.
func TestShowAlone(t *testing.T) {
	const use = "int f(int *p) { SHOW(*p); SHOW_STR(p, 4); SUBMIT(p); SUBMIT_STR(\"x\", *p); return 0; }\n"
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		for name, includes := range map[string]string{
			"alone": "#include <skep.h>\n", "twice": "#include <skep.h>\n#include \"skep.h\"\n",
			"before": "#include <skep.h>\n" + head, "after": head + "#include <skep.h>\n",
		} {
			r := compileText(t, c, "prog.bpf.c", includes+use)
			if r.Object == nil || len(r.Diagnostics) > 0 {
				t.Error(name, r.Diagnostics)
			}
		}
	})
}

func TestShowManySites(t *testing.T) {
	var source strings.Builder
	source.WriteString("#include <skep.h>\nint f(int *p)\n{\n")
	for range 300 {
		source.WriteString("\tSHOW(*p); SHOW(p[1]);\n")
	}
	source.WriteString("\treturn 0;\n}\n")
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r := compileText(t, c, "prog.bpf.c", source.String())
		if r.Object == nil {
			t.Fatal(errorsOf(r))
		}
		list := sites(t, r.Object)
		if len(list) != 600 || !strings.HasPrefix(list[599], "303 1 4 p[1]: ") {
			t.Errorf("%d sites, the last is %q", len(list), list[len(list)-1])
		}
	})
}

func TestShowErrors(t *testing.T) {
	tests := []struct{ name, statement, want string }{
		{"void", "SHOW(nothing())", "4:2: SHOW(nothing()): this has no value (void)"},
		{"function", "SHOW(nothing)", "4:2: SHOW(nothing): this is a function; call it, or take its address with &"},
		{"floating point", "SHOW(1.5)", "4:2: SHOW(1.5): BPF has no values of this type (floating point or complex)"},
		{"large struct", "SHOW(*task)", "4:2: SHOW(*task): this is larger than 4096 bytes; choose members of it"},
		{"pointer to a large struct", "SUBMIT(task)", "4:2: SUBMIT(task): this is larger than 4096 bytes; choose members of it"},
		{"translated context", "SHOW(skb)", "4:2: SHOW(skb): the memory of this context is not what its type says; choose members of it"},
		{"unknown name", "SHOW(nosuch)", "4:7: use of undeclared identifier 'nosuch'"},
		{"incomplete", "SHOW((struct unheard *)0)", "4:2: incomplete type 'struct unheard': what is in it is not known here"},
		{"text of a number", "SHOW_STR(1, 2)", "4:2: SHOW_STR(1, 2): the first argument has to be a pointer or an array"},
		{"length is a pointer", "SUBMIT_STR(task->comm, task)", "4:2: SUBMIT_STR(task->comm, task): the second argument has to be a number of bytes"},
		{"two arguments", "SHOW(1, 2)", "4:10: too many arguments provided to function-like macro invocation"},
		{"no argument", "SHOW()", "4:2: expected expression"},
	}
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				r := compileText(t, c, "prog.bpf.c", "#include \"vmlinux.h\"\n#include <skep.h>\n"+
					"void nothing(void); int f(struct task_struct *task, struct __sk_buff *skb) {\n\t"+test.statement+";\n\treturn 0;\n}\n")
				list := errorsOf(r)
				if len(list) == 0 || list[0] != "prog.bpf.c:"+test.want {
					t.Errorf("got  %q\nwant %q", list, test.want)
				}
				if len(list) > 1 && !strings.HasSuffix(test.name, " argument") && !strings.HasSuffix(test.name, " arguments") {
					t.Errorf("further: %q", list[1:])
				}
			})
		}
	})
}
