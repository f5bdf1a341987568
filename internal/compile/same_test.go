package compile

import (
	"bytes"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// TestSameBytes: bpfcc and clang give the same object but for the debug information that bpfcc leaves out when told so;
// and bpfcc gives the same whether it was started for the source or had waited for it.
func TestSameBytes(t *testing.T) {
	paths := programs(t)
	k := realKernel(t, "latest")
	ours, theirs, waited := newCompiler(t, paths["bpfcc"]), newCompiler(t, paths["clang"]), newCompiler(t, paths["bpfcc"])
	waited.waiting.calm = 0
	if err := waited.Keep(t.Context(), k, 1); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.bpf.c")
	examples, _ := filepath.Glob("../../examples/*.bpf.c")
	heavy, _ := filepath.Glob("../../bench/testdata/*.bpf.c")
	for _, file := range slices.Concat(files, examples, heavy) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := Request{Name: filepath.Base(file), Source: source, Kernel: k}
			want := objectBy(t, theirs, r)
			compareObjects(t, objectBy(t, likeClang(t, ours), r), want)
			lean := objectBy(t, ours, r)
			compareInstructions(t, lean, want)
			compareObjects(t, lean, leanFromFile(t, ours, r))
			if err := waited.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(objectBy(t, waited, r), lean) {
				t.Error("the object of a compiler that had waited differs from that of one that had not")
			}
		})
	}
}

// leanFromFile compiles as by ours, but the source is a file from the beginning, as with clang.
func leanFromFile(t *testing.T, c *Compiler, r Request) []byte {
	t.Helper()
	s := scanSource(r.Source)
	var h *header
	if s.vmlinux {
		var err error
		if h, _, err = c.attempts(t.Context(), r.Kernel, s); err != nil {
			t.Fatal(err)
		}
	}
	run := c.sourceCommand(h, s)
	run.args = append([]string{"-lean"}, run.args...)
	if !s.shows {
		run.args = append(run.args, "-D", "SKEP_UNUSED")
	}
	run.args = append(run.args, "-main-file-name", r.Name, "-x", "c", r.Name)
	run.files = map[string][]byte{jailWork + "/" + r.Name: r.Source}
	out, err := c.jail.run(t.Context(), run)
	if err != nil || out.exit != 0 {
		t.Fatal(err, string(out.stderr))
	}
	return out.stdout
}

// compareObjects compares bytes, but for the order of BTF's forward declarations, which clang leaves to chance: to
// the addresses that the kernel gives it.
func compareObjects(t *testing.T, a, b []byte) {
	t.Helper()
	if bytes.Equal(a, b) {
		return
	}
	files := make([]*elf.File, 2)
	for i, object := range [][]byte{a, b} {
		var err error
		if files[i], err = elf.NewFile(bytes.NewReader(object)); err != nil {
			t.Fatal(err)
		}
	}
	for i, section := range files[0].Sections {
		other := files[1].Sections[i]
		x, errX := section.Data()
		y, errY := other.Data()
		same := section.Name == other.Name && section.Size == other.Size && (errX == nil) == (errY == nil)
		if !same || !bytes.Equal(x, y) && !strings.HasPrefix(section.Name, ".BTF") {
			t.Errorf("section %s of bpfcc's object differs from clang's", section.Name)
		}
	}
	if diff := cmp.Diff(typeNames(t, b), typeNames(t, a)); diff != "" {
		t.Error("types differ from clang's:", diff)
	}
}

// typeNames are the types of an object, sorted, with what shows of them.
func typeNames(t *testing.T, object []byte) []string {
	t.Helper()
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for typ, err := range spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%v", typ))
	}
	slices.Sort(list)
	return list
}

// TestSameAddresses: nothing that bpfcc did before its request shows in the object, not even where LLVM's maps keep
// things in the order of addresses. With all debug information there is much of that.
func TestSameAddresses(t *testing.T) {
	c := newCompiler(t, programs(t)["bpfcc"])
	h, err := c.openHeader(t.Context(), realKernel(t, "latest"), headerTrimmed)
	if err != nil {
		t.Fatal(err)
	}
	full := c.partnerCommand(h, scan{vmlinux: true, helpers: true})
	full.args = full.args[1:] // -lean
	source, err := os.ReadFile("../../bench/testdata/chains.bpf.c")
	if err != nil {
		t.Fatal(err)
	}
	source = append(source, bytes.Repeat([]byte("\n"), 200_000)...) // more than a pipe takes at once
	request := encodeRequest([]string{"-main-file-name", "a.c", "-x", "c", "a.c"}, source)
	var first []byte
	for i := range 6 {
		p, err := c.jail.startPartner(full)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			<-p.reply.ready
		}
		out, err := p.ask(t.Context(), request)
		if err != nil || len(out.stdout) == 0 {
			t.Fatal(err, out)
		}
		if i == 0 {
			first = out.stdout
		} else if !bytes.Equal(out.stdout, first) {
			t.Errorf("object %d differs from the first", i)
		}
	}
}

func objectBy(t *testing.T, c *Compiler, r Request) []byte {
	t.Helper()
	result, err := c.Compile(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if result.Object == nil {
		t.Fatal(errorsOf(result))
	}
	return result.Object
}

// likeClang is a compiler that asks bpfcc for nothing that clang could not do.
func likeClang(t *testing.T, c *Compiler) *Compiler {
	like, program := *c, *c.program
	program.own = false
	like.program = &program
	like.objects = &objectCache{dir: t.TempDir(), limit: 1 << 20}
	return &like
}

// compareInstructions compares what is loaded into the kernel, CO-RE relocations included.
func compareInstructions(t *testing.T, a, b []byte) {
	t.Helper()
	text := func(object []byte) string {
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
			out.WriteString(name + "\n")
			for _, i := range spec.Programs[name].Instructions {
				fmt.Fprint(&out, i.OpCode, i.Dst, i.Src, i.Offset, i.Constant, i.Reference())
				if relocation := btf.CORERelocationMetadata(&i); relocation != nil {
					what, _, _ := strings.Cut(relocation.String(), ", local_id") // ids differ
					out.WriteString(what)
				}
				out.WriteString("\n")
			}
		}
		return out.String()
	}
	if diff := cmp.Diff(text(b), text(a)); diff != "" && strings.Count(text(a), "\n") > 1 {
		t.Errorf("instructions differ: %s", diff)
	}
}
