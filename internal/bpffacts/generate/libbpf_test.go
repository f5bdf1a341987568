package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skep-dev/skep/internal/bpffacts"
)

// kept are the versions of libbpf in testdata, oldest first.
func kept(t *testing.T) []tree {
	t.Helper()
	paths, err := filepath.Glob("testdata/libbpf-*.c.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("testdata has no libbpf:", err)
	}
	slices.SortFunc(paths, olderFirst)
	var trees []tree
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		major, minor, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "libbpf-"), ".c.txt"), ".")
		trees = append(trees, tree{
			"src/libbpf.c":         string(text),
			"src/libbpf_version.h": "#define LIBBPF_MAJOR_VERSION " + major + "\n#define LIBBPF_MINOR_VERSION " + minor + "\n",
		})
	}
	return trees
}

func TestSectionsAreThoseOfLibbpf(t *testing.T) {
	made, err := sectionTable(kept(t))
	if err != nil {
		t.Fatal(err)
	}
	same(t, bpffacts.SectionsFile, made)
}

// same compares a table with the committed file, to the byte.
func same(t *testing.T, name string, made any) {
	t.Helper()
	text, err := encode(made)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := bpffacts.File(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, committed) {
		t.Errorf("%s is not what the generator makes; run: go run ./internal/bpffacts/generate\n%s", name,
			cmp.Diff(strings.Split(string(committed), "\n"), strings.Split(string(text), "\n")))
	}
}

func TestTypeNames(t *testing.T) {
	trees := kept(t)
	names, err := parseTypeNames(trees[len(trees)-1]["src/libbpf.c"])
	if err != nil {
		t.Fatal(err)
	}
	delete(names, "UNSPEC")
	have := make(map[string]string)
	for _, p := range bpffacts.ProgramTypes() {
		have[p.Name] = p.Libbpf
	}
	if diff := cmp.Diff(names, have); diff != "" {
		t.Errorf("program types (-libbpf +ours):\n%s", diff)
	}
}

// The installed header may be of another version than the tables. Numbers and
// names never change; what else differs is told.
func TestHelpersAreThoseOfLibbpfDev(t *testing.T) {
	const header = "/usr/include/bpf/bpf_helper_defs.h"
	text, err := os.ReadFile(header)
	if err != nil {
		t.Fatalf("%v: install libbpf-dev (make setup does)", err)
	}
	helpers, _, err := parseHelpers(string(text))
	if err != nil {
		t.Fatal(err)
	}
	committed := bpffacts.Helpers()
	if len(helpers) != len(committed) {
		t.Errorf("libbpf-dev has %d helpers, the table %d", len(helpers), len(committed))
	}
	for i, h := range helpers[:min(len(helpers), len(committed))] {
		if h.ID != committed[i].ID || h.Name != committed[i].Name {
			t.Errorf("libbpf-dev has %d %s, the table %d %s", h.ID, h.Name, committed[i].ID, committed[i].Name)
		}
		if h.Prototype != committed[i].Prototype {
			t.Logf("libbpf-dev: %s\nthe table:  %s", h.Prototype, committed[i].Prototype)
		}
	}
}

func TestParseRefusesNewForms(t *testing.T) {
	for _, line := range []string{
		`	SEC_DEF("x", XDP, 0, SEC_BRAND_NEW),`,
		`	SEC_DEF_NEW("x", XDP, 0, SEC_NONE),`,
		`	SEC_DEF("x", XDP, 0),`,
	} {
		if list, err := parseSections("section_defs[] = {\n" + line + "\n};\n"); err == nil {
			t.Errorf("%s: %+v", line, list)
		}
	}
	if _, err := parseSections("nothing"); err == nil {
		t.Error("a source without the table is taken")
	}
	if _, _, err := parseHelpers("static int new_form;\n"); err == nil {
		t.Error("a header of another form is taken")
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"a **bold** and *it* word":             "a bold and it word",
		"call **f**\\ () and *skb*\\ **->x**":  "call f() and skb->x",
		"``code`` in *\\/sys/kernel*":          "code in /sys/kernel",
		"**a << 32 \\|** *b*":                  "a << 32 | b",
		"* one\n* two":                         "* one\n* two",
		"see::\n\n\tx = y * z":                 "see:\n\n\tx = y * z",
		"a\n\n\n\nb":                           "a\n\nb",
		"n = counter * enabled / running;  x ": "n = counter * enabled / running;  x",
	} {
		if got := plain(strings.Split(text, "\n")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"One. Two.": "One.", "One, e.g. this. Two.": "One, e.g. this.", "No\nend": "No end", "First.\n\nSecond.": "First.",
	} {
		if got := short(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// differs are what cilium/ebpf's copy of the table has otherwise than libbpf:
// its matching differs too (a name without a plus stands for all that begin
// with it), which is why SEC("xdp_drop") runs here and libbpf refuses it.
var ciliumDiffers = []string{}

func TestCiliumHasTheSameSections(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := make(map[string]string)
	for _, row := range rows(t, filepath.Join(strings.TrimSpace(string(out)), "elf_sections.go"), "elfSectionDefs") {
		theirs[row[0]] = fmt.Sprint(row[1], " ", row[2])
	}
	ours := make(map[string]string)
	for _, s := range bpffacts.Sections() {
		attach := "0"
		if s.AttachType != "" {
			attach = "sys." + s.AttachType
		}
		ours[s.Pattern] = fmt.Sprint("sys.BPF_PROG_TYPE_", s.ProgramType, " ", attach)
	}
	var differences []string
	for _, pattern := range slices.Sorted(maps.Keys(ours)) {
		if theirs[pattern] != ours[pattern] {
			differences = append(differences, fmt.Sprintf("%s: libbpf %s, cilium/ebpf %s", pattern, ours[pattern], theirs[pattern]))
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(theirs)) {
		if ours[pattern] == "" {
			differences = append(differences, pattern+": not in libbpf")
		}
	}
	if !slices.Equal(differences, ciliumDiffers) {
		t.Errorf("cilium/ebpf differs in %q, want %q", differences, ciliumDiffers)
	}
}

// TestAttachKnowsAllSections: every section that libbpf knows has an attacher.
func TestAttachKnowsAllSections(t *testing.T) {
	type entry struct {
		head   string
		prefix bool
	}
	var entries []entry
	heads := make(map[string]bool)
	for _, row := range rows(t, "../../guest/attach/table.go", "table") {
		entries = append(entries, entry{row[0], row[1] == "true"})
		heads[row[0]] = true
	}
	for _, s := range bpffacts.Sections() {
		head, _, _ := strings.Cut(s.Kind(), "/")
		if !heads[head] {
			t.Errorf("internal/guest/attach has no entry %s for section %s", head, s.Pattern)
		}
		for _, e := range entries {
			if e.head == s.Kind() && e.prefix == strings.HasSuffix(s.Pattern, "+") {
				t.Errorf("internal/guest/attach takes %s by prefix: %v, but libbpf's pattern is %s", head, e.prefix, s.Pattern)
			}
		}
	}
	for _, s := range bpffacts.Sections() {
		head, _, _ := strings.Cut(s.Kind(), "/")
		delete(heads, head)
	}
	if len(heads) > 0 {
		t.Errorf("internal/guest/attach knows what libbpf does not: %v", slices.Sorted(maps.Keys(heads)))
	}
}

// rows reads a slice of structs out of a Go file: texts for literals, names
// for what they name.
func rows(t *testing.T, path, variable string) [][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != variable || len(spec.Values) != 1 {
			return true
		}
		for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
			var row []string
			for _, field := range element.(*ast.CompositeLit).Elts {
				row = append(row, textOf(field))
			}
			list = append(list, row)
		}
		return false
	})
	if len(list) == 0 {
		t.Fatalf("%s has no rows in %s", path, variable)
	}
	return list
}

func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
		return e.Value
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return textOf(e.X) + "." + e.Sel.Name
	}
	return reflect.TypeOf(e).String()
}
