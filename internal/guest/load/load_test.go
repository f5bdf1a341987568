//go:build linux

package load

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/wire"
)

// compile makes the object of a program of ../testdata.
func compile(t testing.TB, name string) []byte {
	t.Helper()
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Fatal("clang-19 is not installed: run 'make setup'")
	}
	path := filepath.Join(t.TempDir(), "object.o")
	cmd := exec.Command(clang, "-g", "-O2", "-target", "bpf", "-mcpu=v3",
		"-idirafter", "/usr/include/x86_64-linux-gnu", "-c", "../testdata/"+name+".bpf.c", "-o", path)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	object, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func parse(t *testing.T, name string) *Object {
	t.Helper()
	o, err := Parse(compile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestParseRefuses(t *testing.T) {
	for name, object := range map[string][]byte{
		"the object is empty":        nil,
		"this is not an ELF object":  []byte("int main() {}"),
		"is for X86_64, not for BPF": elfOf(elf.EM_X86_64),
		"has no programs":            elfOf(elf.EM_BPF),
	} {
		_, err := Parse(object)
		if got := end.From(err); got.State != wire.StateBadObject || !strings.Contains(got.Message, name) {
			t.Errorf("%+v, want %q", got, name)
		}
	}
}

// elfOf is an object with a section table of one, a string table, and an
// empty symbol table.
func elfOf(machine elf.Machine) []byte {
	var b bytes.Buffer
	const header, section = 64, 64
	names := "\x00.shstrtab\x00.symtab\x00.strtab\x00"
	write := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	write(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_REL), Machine: uint16(machine), Version: 1,
		Shoff: header, Ehsize: header, Shentsize: section, Shnum: 4, Shstrndx: 1,
	})
	data := uint64(header + 4*section)
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_STRTAB), Off: data, Size: uint64(len(names))})
	write(elf.Section64{Name: 11, Type: uint32(elf.SHT_SYMTAB), Off: data + uint64(len(names)), Size: 24, Link: 3, Entsize: 24})
	write(elf.Section64{Name: 19, Type: uint32(elf.SHT_STRTAB), Off: data, Size: 1})
	b.WriteString(names)
	b.Write(make([]byte, 24))
	return b.Bytes()
}

func TestOrder(t *testing.T) {
	o := parse(t, "rejected")
	var programs []string
	for _, p := range o.Programs {
		programs = append(programs, p.Name)
	}
	if diff := cmp.Diff([]string{"good", "bad", "fine"}, programs); diff != "" {
		t.Error(diff)
	}
	var maps []string
	for _, m := range parse(t, "maps").Maps {
		maps = append(maps, m.Name)
	}
	want := []string{"hash", "lru", "array", "queue", "stack", "trie", "percpu", "events"}
	if len(maps) != len(want) {
		t.Errorf("maps %v", maps)
	}
}

func TestSet(t *testing.T) {
	o := parse(t, "globals")
	if err := o.Set("wanted", []byte{7, 0, 0, 0}); err != nil {
		t.Error(err)
	}
	if data := o.Spec.Maps[".rodata"].Contents[0].Value.([]byte); !bytes.HasPrefix(data, []byte{7, 0, 0, 0}) {
		t.Errorf(".rodata %x", data)
	}
	if o.VariableSize("runs") != 8 || o.VariableSize("none") != 0 {
		t.Error("sizes", o.VariableSize("runs"), o.VariableSize("none"))
	}
	for variable, want := range map[string]string{
		"wanted": `"wanted" has 4 bytes, 1 were given`,
		"none":   `no global variable "none"; it has me, runs, seen, wanted`,
	} {
		if got := end.From(o.Set(variable, []byte{1})); !strings.Contains(got.Message, want) || got.State != wire.StateBadObject {
			t.Errorf("%s: %+v", variable, got)
		}
	}
}

func TestTailCalled(t *testing.T) {
	if diff := cmp.Diff(map[string]string{"second": "next"}, parse(t, "tail_call").TailCalled()); diff != "" {
		t.Error(diff)
	}
}

func TestLegacyStructOps(t *testing.T) {
	o := parse(t, "struct_ops")
	m := o.Spec.Maps["skep_test"]
	if m == nil || !o.IsLegacy(m) || len(o.Programs) != 4 {
		t.Fatalf("map %v, %d programs", m, len(o.Programs))
	}
	if link := parse(t, "struct_ops_link"); link.IsLegacy(link.Spec.Maps["skep_test"]) {
		t.Error("a map of .struct_ops.link is taken for one without a link")
	}
}

// libbpf's usdt.bpf.h has weak maps, hidden functions, and a variable that the
// library does not know.
func TestUSDTObject(t *testing.T) {
	o := parse(t, "usdt")
	if !o.readsConfig || o.Spec.Maps["__bpf_usdt_specs"] == nil {
		t.Errorf("reads the configuration: %v, maps %v", o.readsConfig, o.Maps)
	}
	var f *btf.Func
	if err := o.Spec.Types.TypeByName("bpf_usdt_arg", &f); err != nil || f.Linkage != btf.StaticFunc {
		t.Errorf("function %v, %v", f, err)
	}
}

func TestAddressSpaceCasts(t *testing.T) {
	o := parse(t, "arena")
	program := o.Spec.Programs["prog"]
	if a := amendmentOf(program); !a.addressSpaceCasts {
		t.Error("no cast was found")
	}
	if a := amendmentOf(parse(t, "tracepoint").Spec.Programs["prog"]); a != (amendment{}) {
		t.Errorf("%+v for a program that needs none", a)
	}
	cast := []byte{mov64Register, 0x21, 0, 0, 1, 0, 0, 0}
	move := []byte{mov64Register, 0x21, 0, 0, 0, 0, 0, 0}
	// The second half of a wide load may look like anything.
	wide := append([]byte{wideLoad, 1, 0, 0, 0, 0, 0, 0}, cast...)
	code := bytes.Join([][]byte{cast, move, wide, cast}, nil)
	restoreCasts(code)
	for i, want := range []byte{1, 0, 0, 0, 1} {
		if code[8*i+2] != want {
			t.Errorf("instruction %d has offset %d, want %d", i, code[8*i+2], want)
		}
	}
}

func TestAmendmentOfAttachTypes(t *testing.T) {
	for section, spec := range map[string]*ebpf.ProgramSpec{
		"lsm_cgroup/socket_bind": {Type: ebpf.LSM, AttachType: ebpf.AttachLSMCgroup},
		"fsession/vfs_open":      {Type: ebpf.Tracing, AttachType: 58},
	} {
		spec.SectionName = section
		if a := amendmentOf(spec); a.attachType != uint32(spec.AttachType) || kin(spec) == spec.AttachType {
			t.Errorf("%s: %+v, kin %v", section, a, kin(spec))
		}
	}
	plain := &ebpf.ProgramSpec{SectionName: "lsm/socket_bind", Type: ebpf.LSM, AttachType: ebpf.AttachLSMMac}
	if a := amendmentOf(plain); a != (amendment{}) {
		t.Errorf("%+v", a)
	}
}

func TestMapFailed(t *testing.T) {
	l := &Loader{kernel: feature.Parse("6.1.0")}
	for _, test := range []struct {
		spec           ebpf.MapSpec
		cause          error
		state, message string
	}{
		{ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1000}, unix.EINVAL, wire.StateMapFailed, "a power of two and a multiple of 4096, not 1000"},
		{ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4}, unix.EINVAL, wire.StateMapFailed, "max_entries is 0"},
		{ebpf.MapSpec{Type: ebpf.Array, KeySize: 8, ValueSize: 4, MaxEntries: 1}, unix.EINVAL, wire.StateMapFailed, "the key of an array has to be 4 bytes, not 8"},
		{ebpf.MapSpec{Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 4, MaxEntries: 1}, unix.EINVAL, wire.StateMapFailed, "BPF_F_NO_PREALLOC"},
		{ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, MaxEntries: 1}, unix.EINVAL, wire.StateMapFailed, "the value has no size"},
		{ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 1 << 20, MaxEntries: 1 << 10}, unix.ENOMEM, wire.StateMapFailed, "about 1024 MB"},
		{ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}, unix.EPERM, wire.StateMapFailed, "the kernel denies it"},
		{ebpf.MapSpec{Type: ebpf.Arena, MaxEntries: 1}, unix.EINVAL, wire.StateUnsupported, "arena maps: in Linux since 6.9"},
	} {
		test.spec.Name = "m"
		got := end.From(l.mapFailed(&test.spec, test.cause))
		if got.State != test.state || !strings.Contains(got.Message, test.message) || got.Program != "m" || got.Errno == "" {
			t.Errorf("%s: %+v, want %q", test.spec.Type, got, test.message)
		}
	}
}

func TestMissingHelper(t *testing.T) {
	l := &Loader{kernel: feature.Parse("6.1.0")}
	spec := &ebpf.ProgramSpec{Name: "p", Type: ebpf.TracePoint, Instructions: asm.Instructions{asm.Return()}}
	got := end.From(l.missing(spec, "0: (85) call unknown#210\ninvalid func unknown#210\n", "invalid func unknown#210", unix.EINVAL))
	if got.State != wire.StateUnsupported || got.Since != "6.2" || !strings.Contains(got.Feature, "bpf_cgrp_storage_get") {
		t.Errorf("%+v", got)
	}
	if err := l.missing(spec, "invalid func unknown#195896080\n", "invalid func unknown#195896080", unix.EINVAL); err != nil {
		t.Errorf("a failed CO-RE relocation is taken for a helper: %v", err)
	}
}

// testdata/syscall.o was made with
//
//	clang-19 -g -O2 -target bpf -mcpu=v3 -c ../testdata/syscall.bpf.c
func FuzzParse(f *testing.F) {
	object, err := os.ReadFile("testdata/syscall.o")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(object)
	f.Add(elfOf(elf.EM_BPF))
	f.Fuzz(func(t *testing.T, object []byte) {
		if _, err := Parse(object); err != nil && end.From(err).State != wire.StateBadObject {
			t.Errorf("%v", err)
		}
	})
}
