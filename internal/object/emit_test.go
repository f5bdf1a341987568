package object

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// emitListing shows the sites of an object, one in a line.
func emitListing(o *Object) string {
	var b strings.Builder
	for _, s := range o.EmitSites() {
		fmt.Fprintf(&b, "%s:%d: %s %s into %s from %s", path.Base(s.File), s.Line, s.Function, s.Helper, s.Map, strings.Join(s.Programs, ","))
		fmt.Fprintf(&b, ": %d bytes", s.Size)
		if s.Packet != 0 {
			fmt.Fprintf(&b, " and %d of the packet", s.Packet)
		}
		exact := "about"
		if s.Exact {
			exact = "exactly"
		}
		if s.Type == nil {
			b.WriteString(": unknown\n")
			continue
		}
		fmt.Fprintf(&b, ": %s %s (%s)\n", exact, describe(s.Type), s.Variable)
	}
	return b.String()
}

// describe writes a type as one would in C.
func describe(t btf.Type) string {
	name := t.TypeName()
	switch t := t.(type) {
	case *btf.Struct:
		if name == "" {
			name = fmt.Sprintf("{%d members}", len(t.Members))
		}
		return "struct " + name
	case *btf.Union:
		if name == "" {
			name = fmt.Sprintf("{%d members}", len(t.Members))
		}
		return "union " + name
	case *btf.Enum:
		return "enum " + name
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", describe(t.Type), t.Nelems)
	case *btf.Pointer:
		return describe(t.Target) + "*"
	case *btf.Const:
		return "const " + describe(t.Type)
	case *btf.Void:
		return "void"
	}
	return name
}

func TestEmitSites(t *testing.T) {
	sources, err := filepath.Glob("testdata/emit_*.bpf.c")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, source := range sources {
		name := filepath.Base(source)
		t.Run(name, func(t *testing.T) {
			got := emitListing(read(t, name))
			golden := strings.TrimSuffix(source, ".bpf.c") + ".sites"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever the compiler was told about optimisation and debug information, the
// types are the same; only where calls are merged may differ.
func TestEmitSitesOfOtherBuilds(t *testing.T) {
	for _, name := range []string{"emit_stack.bpf.c", "emit_reserve.bpf.c", "emit_elsewhere.bpf.c"} {
		want := emitListing(read(t, name))
		for _, flags := range [][]string{
			{"-gdwarf-4"}, {"-gz=zlib"}, {"-gz=zstd"}, {"-mcpu=v4"}, {"-mcpu=v1"}, {"-O1"}, {"-O3"}, {"-Os"},
		} {
			t.Run(name+strings.Join(flags, " "), func(t *testing.T) {
				if diff := cmp.Diff(want, emitListing(read(t, name, flags...))); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
