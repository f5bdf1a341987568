package typecheck

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/internal/compile"
)

// layout is where a type's members are: bit offset and, of a bit-field, its size, by name. Members of anonymous
// structs and unions count as the outer one's.
type layout struct {
	size    int64
	members map[string][2]int64
}

func layoutOf(t Type) layout {
	l := layout{members: map[string][2]int64{}}
	if t.Size != nil {
		l.size = *t.Size
	}
	var add func(members []Member, base int64)
	add = func(members []Member, base int64) {
		for _, m := range members {
			at := base + 8*m.Offset
			if m.Name == "" {
				add(m.Members, at)
				continue
			}
			l.members[m.Name] = [2]int64{at + int64(m.Bit), int64(m.Bits)}
		}
	}
	add(t.Members, 0)
	return l
}

func layoutOfBTF(size uint32, members []btf.Member) layout {
	l := layout{size: int64(size), members: map[string][2]int64{}}
	var add func(members []btf.Member, base int64)
	add = func(members []btf.Member, base int64) {
		for _, m := range members {
			at := base + int64(m.Offset)
			if m.Name != "" {
				l.members[m.Name] = [2]int64{at, int64(m.BitfieldSize)}
				continue
			}
			switch t := btf.UnderlyingType(m.Type).(type) {
			case *btf.Struct:
				add(t.Members, at)
			case *btf.Union:
				add(t.Members, at)
			}
		}
	}
	add(members, 0)
	return l
}

// difference names the first member that is elsewhere, "" if the layouts are the same. A bit-field as wide as its
// type may be written as a plain member.
func difference(ours, theirs layout) string {
	if ours.size != theirs.size {
		return fmt.Sprintf("has %d bytes, not %d", ours.size, theirs.size)
	}
	for name, place := range theirs.members {
		got, ok := ours.members[name]
		if !ok {
			got, ok = ours.members[name+"_"] // called like a keyword
		}
		if !ok || got[0] != place[0] || got[1] != place[1] && got[1] != 0 {
			return fmt.Sprintf("has %s at bit %d (%d bits), not %d (%d)", name, got[0], got[1], place[0], place[1])
		}
	}
	return ""
}

// TestLayouts compares sizes and offsets of every struct and union of the kernel with its BTF, and asks clang about
// those that differ.
func TestLayouts(t *testing.T) {
	c, k := testChecker(t, true), testKernel(t)
	spec, err := k.BTFSpec()
	if err != nil {
		t.Fatal(err)
	}
	truth := map[string][]layout{} // several types may have one name
	enums := map[string]bool{}
	for typ, err := range spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		switch typ := typ.(type) {
		case *btf.Struct:
			truth["struct "+typ.Name] = append(truth["struct "+typ.Name], layoutOfBTF(typ.Size, typ.Members))
		case *btf.Union:
			truth["union "+typ.Name] = append(truth["union "+typ.Name], layoutOfBTF(typ.Size, typ.Members))
		case *btf.Enum:
			enums[typ.Name] = true
		}
	}
	var names []string
	for name := range truth {
		kind, tag, _ := strings.Cut(name, " ")
		other := map[string]string{"struct": "union ", "union": "struct "}[kind] + tag
		// Of two kinds with one tag the header has the second under another name.
		if tag != "" && truth[other] == nil && !enums[tag] {
			names = append(names, name)
		}
	}
	slices.Sort(names)

	types, members := 0, 0
	var questions []string // what clang has to say is true
	for chunk := range slices.Chunk(names, 60) {
		source := "#include \"vmlinux.h\"\n"
		for i, name := range chunk {
			source += fmt.Sprintf("%s *v%d;\n", name, i)
		}
		r := check(t, c, source, Options{Types: true})
		if len(r.Types) != len(chunk) {
			t.Fatalf("%d types were asked for, %d came: %+v", len(chunk), len(r.Types), r.Diagnostics)
		}
		for i, typ := range r.Types {
			name := chunk[i]
			if typ.Size == nil {
				t.Errorf("%s is not known", name)
				continue
			}
			ours := layoutOf(typ)
			types++
			members += len(ours.members)
			if !slices.ContainsFunc(truth[name], func(l layout) bool { return difference(ours, l) == "" }) {
				t.Logf("%s %s: clang will say", name, difference(ours, truth[name][0]))
				questions = append(questions, questionsAbout(name, ours)...)
			}
		}
	}
	t.Logf("%d types, %d members, %d questions to clang", types, members, len(questions))
	if types < 5000 {
		t.Errorf("only %d types were compared", types)
	}
	askClang(t, spec, questions)
}

func questionsAbout(name string, l layout) []string {
	questions := []string{fmt.Sprintf("_Static_assert(sizeof(%s) == %d, %q);", name, l.size, name)}
	for member, place := range l.members {
		if place[1] == 0 {
			questions = append(questions, fmt.Sprintf("_Static_assert(__builtin_offsetof(%s, %s) == %d, %q);",
				name, member, place[0]/8, name+" "+member))
		}
	}
	return questions
}

func askClang(t *testing.T, spec *btf.Spec, questions []string) {
	t.Helper()
	header, err := compile.VMLinux(spec, true)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("clang-19", "-target", "bpf", "-fsyntax-only", "-ferror-limit=20", "-x", "c", "-")
	cmd.Stdin = io.MultiReader(bytes.NewReader(header), strings.NewReader(strings.Join(questions, "\n")))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("clang disagrees: %v\n%s", err, out)
	}
}
