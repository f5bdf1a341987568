package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// listing is what a person would want to know of an object's contents.
func listing(o *Object) string {
	var b strings.Builder
	for _, p := range o.Programs {
		fmt.Fprintf(&b, "program %s section=%s type=%v attach=%v to=%q instructions=%d functions=%v\n",
			p.Name, p.Section, p.Type, p.Attach, p.AttachTo, p.Instructions, p.Functions)
	}
	for _, m := range o.Maps {
		fmt.Fprintf(&b, "map %s type=%v key=%d %s value=%d %s entries=%d legacy=%v\n",
			m.Name, m.Type, m.KeySize, typeName(m.Key), m.ValueSize, typeName(m.Value), m.MaxEntries, m.Legacy)
	}
	for _, g := range o.Globals {
		fmt.Fprintf(&b, "global %s%s %s+%d size=%d static=%v\n", typeName(g.Type), g.Name, g.Section, g.Offset, g.Size, g.Static)
	}
	fmt.Fprintf(&b, "license %q btf=%v dwarf=%v\n", o.License, o.HasBTF, o.HasDWARF)
	return b.String()
}

func typeName(t btf.Type) string {
	switch t := t.(type) {
	case nil:
		return ""
	case *btf.Struct:
		return "struct " + t.Name + " "
	case *btf.Const:
		return "const " + typeName(t.Type)
	case *btf.Volatile:
		return "volatile " + typeName(t.Type)
	}
	return t.TypeName() + " "
}

func TestContents(t *testing.T) {
	o := read(t, "content.bpf.c")
	want := `program on_write section=tracepoint/syscalls/sys_enter_write type=TracePoint attach=None to="syscalls/sys_enter_write" instructions=` + fmt.Sprint(o.Programs[0].Instructions) + ` functions=[on_write note]
program drop section=xdp type=XDP attach=XDP to="" instructions=` + fmt.Sprint(o.Programs[1].Instructions) + ` functions=[drop]
map counts type=Hash key=8 struct key  value=16 struct value  entries=128 legacy=false
map old type=Array key=4  value=8  entries=2 legacy=true
global u64 hits .bss+0 size=8 static=false
global u64 misses .bss+8 size=8 static=true
global struct value last .data+0 size=16 static=false
global int tuned .data.tuned+0 size=4 static=false
global const volatile u32 my_pid .rodata+0 size=4 static=false
license "GPL" btf=true dwarf=true
`
	if diff := cmp.Diff(want, listing(o)); diff != "" {
		t.Error(diff)
	}
}

func TestLinesPointIntoTheSource(t *testing.T) {
	o := read(t, "content.bpf.c")
	var found bool
	for _, line := range o.Programs[0].Lines {
		if line.Text == "" || line.Line == 0 || !strings.HasSuffix(line.File, "content.bpf.c") {
			t.Errorf("line without text, number or file: %+v", line)
		}
		found = found || strings.Contains(line.Text, "v->count++")
		if line.Instruction >= o.Programs[0].Instructions {
			t.Errorf("instruction %d of %d", line.Instruction, o.Programs[0].Instructions)
		}
	}
	if !found {
		t.Error("no instruction of the subprogram has its line")
	}
}

func TestReadErrors(t *testing.T) {
	object := compile(t, "content.bpf.c")
	changed := func(change func([]byte)) []byte {
		data := append([]byte(nil), object...)
		change(data)
		return data
	}
	for _, test := range []struct {
		name string
		data []byte
		kind error
		says string
	}{
		{"empty", nil, ErrNotELF, "an empty file"},
		{"source", []byte("#include <vmlinux.h>\nint x;\n"), ErrNotELF, "C source"},
		{"text", []byte("Dear kernel,\n"), ErrNotELF, "a text file"},
		{"bitcode", compile(t, "content.bpf.c", "-emit-llvm"), ErrNotELF, "-emit-llvm"},
		{"archive", []byte("!<arch>\nfoo.o/"), ErrNotELF, "static library"},
		{"noise", []byte{1, 2, 3, 0xff, 0xfe, 9, 9}, ErrNotELF, "unknown kind"},
		{"header only", object[:40], ErrCorrupted, "inside the ELF header"},
		{"cut off", object[:len(object)/2], ErrCorrupted, "cut off"},
		{"x86", compile(t, "nothing.c", "-target", "x86_64-linux-gnu"), ErrArchitecture, "x86-64 object"},
		{"arm64", compile(t, "nothing.c", "-target", "aarch64-linux-gnu"), ErrArchitecture, "ARM64 object"},
		{"big-endian", compile(t, "nothing.c", "-target", "bpfeb"), ErrBigEndian, "-target bpfel"},
		{"no code", compile(t, "nothing.c", "-DNO_CODE"), ErrNoPrograms, "no programs"},
		{"no section", compile(t, "nothing.c"), ErrNoPrograms, "(lonely)"},
		{"no BTF", compile(t, "content.bpf.c", "-g0"), ErrNoBTF, "without -g"},
		{"static map", compile(t, "nothing.c", "-DSTATIC_MAP"), ErrRefused, "remove the word static"},
		{"32 bits", changed(func(b []byte) { b[4] = 1 }), ErrCorrupted, "ELFCLASS64"},
		{"large", append(object[:len(object):len(object)], make([]byte, MaxSize)...), ErrTooLarge, "llvm-strip"},
		{"huge .bss", compile(t, "nothing.c", "-DHUGE_BSS"), ErrTooLarge, ".bss"},
		{"bad BTF", changed(func(b []byte) {
			img, _ := parseImage(b)
			binary.LittleEndian.PutUint16(img.section(".BTF").data, 0)
		}), ErrCorrupted, "BTF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read(test.data)
			if !errors.Is(err, test.kind) {
				t.Fatalf("got %v, want %v", err, test.kind)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
			var typed *Error
			if !errors.As(err, &typed) {
				t.Errorf("%T is not an *Error", err)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	for _, flags := range [][]string{nil, {"-gz=zlib"}, {"-gz=zstd"}, {"-gdwarf-4"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			data := compile(t, "content.bpf.c", flags...)
			stripped, err := Strip(data)
			if err != nil {
				t.Fatal(err)
			}
			if len(stripped) >= len(data) {
				t.Errorf("%d bytes became %d", len(data), len(stripped))
			}
			img, err := parseImage(stripped)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range img.sections {
				if strings.Contains(s.name, "debug") {
					t.Errorf("section %s is still there", s.name)
				}
			}
			before, after := read(t, "content.bpf.c", flags...), mustRead(t, stripped)
			if diff := cmp.Diff(dump(before), dump(after)); diff != "" {
				t.Errorf("loads differently:\n%s", diff)
			}
			again, err := Strip(stripped)
			if err != nil || !cmp.Equal(again, stripped) {
				t.Errorf("stripping twice changes the object (%v)", err)
			}
			checkReadelf(t, stripped)
		})
	}
}

func mustRead(t *testing.T, data []byte) *Object {
	t.Helper()
	o, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// dump shows all that the loader takes from an object.
func dump(o *Object) string {
	var b strings.Builder
	b.WriteString(strings.Replace(listing(o), "dwarf=true", "dwarf=false", 1))
	for _, p := range o.Programs {
		spec := o.Spec.Programs[p.Name]
		fmt.Fprintf(&b, "%s %s %d\n%v", spec.Name, spec.License, spec.KernelVersion, spec.Instructions)
		for i := range spec.Instructions {
			ins := &spec.Instructions[i]
			fmt.Fprintf(&b, "%v %v %v %v\n", ins.Reference(), ins.Source(), btf.FuncMetadata(ins), btf.CORERelocationMetadata(ins))
		}
	}
	for _, s := range o.Sections {
		fmt.Fprintf(&b, "%+v %v\n", s.Name, o.Spec.Maps[s.Name].Contents)
	}
	for t, err := range o.Spec.Types.All() {
		fmt.Fprintf(&b, "%v %v\n", t, err)
	}
	return b.String()
}

// checkReadelf has LLVM's own reader look at every table.
func checkReadelf(t *testing.T, data []byte) {
	t.Helper()
	readelf, err := exec.LookPath("llvm-readelf-19")
	if err != nil {
		t.Fatalf("llvm-readelf-19 is needed: %v", err)
	}
	cmd := exec.Command(readelf, "--all", "-")
	cmd.Stdin = strings.NewReader(string(data))
	text, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(text), "warning") || strings.Contains(string(text), "error") {
		t.Errorf("llvm-readelf: %v\n%s", err, text)
	}
}
