package object

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShowSites(t *testing.T) {
	o := read(t, "show.bpf.c", "-I", "../compile/include")
	var b strings.Builder
	for i, s := range o.ShowSites() {
		if i > 0 && s.ID == o.ShowSites()[i-1].ID {
			t.Errorf("two sites %d", s.ID)
		}
		fmt.Fprintf(&b, "%s:%d:%d %v(%s) %d %s\n", path.Base(s.File), s.Line, s.Column, s.Kind, s.Expression, s.Size, describe(s.Type))
	}
	want := `show.bpf.c:12:2 SHOW(n) 8 u64
show.bpf.c:22:2 SHOW(p) 16 struct point
show.bpf.c:22:11 SHOW(p.x + 1) 4 int
show.bpf.c:22:26 SHOW(q) 16 struct point
show.bpf.c:23:2 SHOW_STR(name) 0 char
show.bpf.c:24:2 SHOW(name) 16 char[16]
show.bpf.c:27:2 SHOW(big) 1 bool
show.bpf.c:28:2 SUBMIT(q->y) 4 int
show.bpf.c:29:2 SUBMIT_STR(name) 0 char
show.bpf.c:36:3 SHOW(ctx) 8 u64*
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if sites := emitListing(o); sites != "" {
		t.Errorf("the macros' own records are listed as the program's:\n%s", sites)
	}
	for _, g := range o.Globals {
		t.Errorf("global %s in %s", g.Name, g.Section)
	}
	if sites := read(t, "content.bpf.c").ShowSites(); len(sites) != 0 {
		t.Errorf("sites where there are none: %+v", sites)
	}
	stripped, err := Strip(compile(t, "show.bpf.c", "-I", "../compile/include"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(mustRead(t, stripped).ShowSites()); n != 10 {
		t.Errorf("%d sites after strip", n)
	}
}
