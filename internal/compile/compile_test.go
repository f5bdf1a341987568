package compile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// sharedCache is a folder for the headers of the small kernel, made once for all tests.
var sharedCache string

func TestMain(m *testing.M) {
	if what := os.Getenv(asHelper); what != "" {
		fmt.Fprintln(os.Stderr, help(what, os.TempDir()))
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "skep-compile")
	if err != nil {
		panic(err)
	}
	sharedCache = dir
	// What others have in the temporary folder is no concern of leftovers.
	if err := os.Setenv("TMPDIR", dir); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// bpfccPath is where the Makefile leaves it.
const bpfccPath = "../../bin/skep-bpfcc"

// programs are both compilers; each test that compiles runs with each.
func programs(t testing.TB) map[string]string {
	t.Helper()
	path, err := filepath.Abs(bpfccPath)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("our compile program has not been built: run 'make build': %v", err)
	}
	if _, err := openProgram(""); err != nil {
		t.Fatalf("run 'make packages': %v", err)
	}
	return map[string]string{"bpfcc": path, "clang": ""}
}

var testLimits = Limits{CPU: 2 * time.Second, Wall: 20 * time.Second}

// newCompiler opens a compiler with a cache of its own for objects and the shared one for headers.
func newCompiler(t testing.TB, program string) *Compiler {
	t.Helper()
	c, err := New(Options{CacheDir: sharedCache, Program: program, Limits: testLimits})
	if err != nil {
		t.Fatal(err)
	}
	c.objects.dir = t.TempDir()
	t.Cleanup(func() { c.Close() })
	return c
}

// keepWaiting has a compiler wait for each kind of source that tests have.
func keepWaiting(t testing.TB, c *Compiler) {
	t.Helper()
	h, err := c.openHeader(t.Context(), smallKernel(t, c), headerTrimmed)
	if err != nil {
		t.Fatal(err)
	}
	c.waiting.calm = 0
	for _, s := range []scan{{}, {vmlinux: true}, {vmlinux: true, helpers: true}} {
		header := h
		if !s.vmlinux {
			header = nil
		}
		c.waiting.keep(c.partnerCommand(header, s), 1)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// dropWaiting sends home those that wait.
func dropWaiting(t testing.TB, c *Compiler) {
	t.Helper()
	c.waiting.mu.Lock()
	kinds := maps.Clone(c.waiting.kinds)
	c.waiting.mu.Unlock()
	for _, k := range kinds {
		c.waiting.keep(k.command, 0)
	}
	c.jail.running.Wait()
}

// smallKernel is testdata/kernel.bpf.c as a kernel.
func smallKernel(t testing.TB, c *Compiler) Kernel {
	t.Helper()
	source, err := os.ReadFile("testdata/kernel.bpf.c")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Compile(context.Background(), Request{Name: "kernel.bpf.c", Source: source})
	if err != nil || r.Object == nil {
		t.Fatal(err, r)
	}
	return Kernel{ID: "small " + contentKey(string(source)), BTF: func() (*btf.Spec, error) {
		return btf.LoadSpecFromReader(bytes.NewReader(r.Object))
	}}
}

func compileText(t testing.TB, c *Compiler, name, text string) *Result {
	t.Helper()
	k := smallKernel(t, c)
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := c.Compile(context.Background(), Request{Name: name, Source: []byte(text), Kernel: k})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func forEachProgram(t *testing.T, test func(t *testing.T, c *Compiler)) {
	for name, path := range programs(t) {
		t.Run(name, func(t *testing.T) { test(t, newCompiler(t, path)) })
	}
	t.Run("bpfcc that waited", func(t *testing.T) {
		c := newCompiler(t, programs(t)["bpfcc"])
		keepWaiting(t, c)
		test(t, c)
	})
}

// errorsOf is a diagnostic per line: "file:line:column: message".
func errorsOf(r *Result) []string {
	var list []string
	for _, d := range r.Diagnostics {
		if d.Severity == Error {
			list = append(list, d.String())
		}
	}
	return list
}

const head = "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n"

func TestPrograms(t *testing.T) {
	exec, err := os.ReadFile("testdata/exec.bpf.c")
	if err != nil {
		t.Fatal(err)
	}
	const xdp = "SEC(\"xdp\") int f(struct xdp_md *ctx) { return XDP_PASS; }\n"
	tests := []struct{ name, source, header string }{
		{"tracer", string(exec), headerTrimmed},
		{"angle brackets", "#include <vmlinux.h>\n#include <bpf/bpf_helpers.h>\n" + xdp, headerTrimmed},
		{"twice", head + head + xdp, headerTrimmed},
		{"last", "#include <bpf/bpf_helpers.h>\n#include \"vmlinux.h\"\n" + xdp, headerTrimmed},
		{"every header", "#include <skep.h>\n" + head + "#include <bpf/bpf_tracing.h>\n#include <bpf/bpf_core_read.h>\n" +
			"#include <bpf/bpf_endian.h>\n#include <bpf/usdt.bpf.h>\n" + xdp, headerTrimmed},
		{"under a condition", "#ifdef __bpf__\n#include \"vmlinux.h\"\n#endif\n#include <bpf/bpf_helpers.h>\n" + xdp, headerTrimmed},
		{"without CO-RE", "#define BPF_NO_PRESERVE_ACCESS_INDEX\n" + head + xdp, headerTrimmed},
		{"types of its own", "typedef unsigned int __u32;\nstruct task_struct { __u32 pid; };\n" +
			"int f(struct task_struct *t) { return t->pid; }\n", ""},
		{"nothing", "", ""},
		{"rare struct", head + "int f(struct rare *r) { return r->number; }\n", headerWhole},
		{"rare typedef", head + "rare_t f(void) { return 1; }\n", headerWhole},
		{"rare constant", head + "int f(void) { return RARE_YES; }\n", headerWhole},
		{"deep pointers", head + "int f(struct task_struct *t) { return t->signal->tty->driver->port->count; }\n", headerWhole},
		{"a name of the kernel's", head + "struct rare { int mine; };\nint f(struct rare *r) { return r->mine; }\n", headerTrimmed},
	}
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				r := compileText(t, c, "prog.bpf.c", test.source)
				if r.Object == nil {
					t.Fatalf("no object: %v", errorsOf(r))
				}
				if r.Header != test.header {
					t.Errorf("used header %q, want %q", r.Header, test.header)
				}
				if _, err := btf.LoadSpecFromReader(bytes.NewReader(r.Object)); err != nil && test.source != "" {
					t.Errorf("read the object's BTF: %v", err)
				}
				if !bytes.Contains(r.Object, []byte("prog.bpf.c")) {
					t.Error("the object does not say the source's name")
				}
				for _, path := range []string{c.options.CacheDir, jailWork + "/", jailKernel + "/", jailHeaders + "/"} {
					if bytes.Contains(r.Object, []byte(path)) {
						t.Errorf("the object holds the path %s", path)
					}
				}
			})
		}
	})
}

func TestUAPI(t *testing.T) {
	if _, err := os.Stat(systemHeaders[0].source); err != nil {
		t.Fatalf("linux-libc-dev is not installed: run 'make packages': %v", err)
	}
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r := compileText(t, c, "prog.bpf.c", "#include <linux/bpf.h>\n#include <linux/if_ether.h>\n#include <linux/ip.h>\n"+
			"#include <stdbool.h>\n#include <stdint.h>\n#include <bpf/bpf_helpers.h>\n"+
			"SEC(\"xdp\") int f(struct xdp_md *ctx) { uint32_t n = sizeof(struct iphdr); return n > 20 ? XDP_DROP : XDP_PASS; }\n")
		if r.Object == nil {
			t.Fatal(errorsOf(r))
		}
	})
}

func TestDiagnostics(t *testing.T) {
	tests := []struct {
		name, source string
		want         []string
	}{
		{
			"semicolon", head + "int f(void)\n{\n\tint x = 1\n\treturn x;\n}\n",
			[]string{"prog.bpf.c:5:11: expected ';' at end of declaration"},
		},
		{"unknown type", head + "int f(struct nosuch *p) { return p->x; }\n", []string{"prog.bpf.c:3:35: incomplete definition of type 'struct nosuch'"}},
		{
			"misspelt", head + "int f(struct task_struct *t) { return t->pidd; }\n",
			[]string{"prog.bpf.c:3:42: no member named 'pidd' in 'struct task_struct'; did you mean 'pid'?"},
		},
		{"not C", "The quick brown fox\njumps over the lazy dog.\n", []string{"prog.bpf.c:1:1: unknown type name 'The'", "prog.bpf.c:1:10: expected ';' after top level declarator"}},
		{"clash", head + "struct task_struct { int x; };\n", []string{"prog.bpf.c:3:8: redefinition of 'task_struct'"}},
		{"error in a header's macro", head + "SEC(1) int x;\n", []string{"prog.bpf.c:3:5: expected string literal as argument of 'section' attribute"}},
		{"missing include", "#include \"mine.h\"\n", []string{"prog.bpf.c:1:10: 'mine.h' file not found"}},
		{"backend", "int f(int a, int b, int c, int d, int e, int g, int h) { return h; }\n", []string{"prog.bpf.c:1:5: stack arguments are not supported"}},
	}
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				r := compileText(t, c, "prog.bpf.c", test.source)
				if r.Object != nil {
					t.Error("there is an object")
				}
				if diff := cmp.Diff(test.want, errorsOf(r)); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

func TestFixesAndNotes(t *testing.T) {
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r := compileText(t, c, "prog.bpf.c", head+"int f(struct task_struct *t)\n{\n\tint n = t->statee;\n\treturn t.pid;\n}\n")
		want := []Diagnostic{
			{
				File: "prog.bpf.c", Range: Range{5, 13, 5, 19}, Severity: Error,
				Message: "no member named 'statee' in 'struct task_struct'; did you mean 'state'?",
				Fixes:   []Fix{{Range{5, 13, 5, 19}, "state"}},
			},
			{
				File: "prog.bpf.c", Range: Range{6, 10, 6, 11}, Ranges: []Range{{6, 9, 6, 10}}, Severity: Error,
				Message: "member reference type 'struct task_struct *' is a pointer; did you mean to use '->'?",
				Fixes:   []Fix{{Range{6, 10, 6, 11}, "->"}},
			},
		}
		got := r.Diagnostics
		if len(got) > 0 && len(got[0].Notes) == 1 {
			if note := got[0].Notes[0]; note.File != "vmlinux.h" || note.Line == 0 || note.Message != "'state' declared here" {
				t.Errorf("note: %+v", note)
			}
			got[0].Notes = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWarningsAreKeptWithTheObject(t *testing.T) {
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		for _, cached := range []bool{false, true} {
			r := compileText(t, c, "prog.bpf.c", "int f(void)\n{\n\tint unused;\n\treturn 0;\n}\n")
			if r.Cached != cached || r.Object == nil || len(r.Diagnostics) != 1 {
				t.Fatalf("%+v", r)
			}
			d := r.Diagnostics[0]
			if d.Severity != Warning || d.Option != "unused-variable" || d.Line != 3 || d.Message != "unused variable 'unused'" {
				t.Errorf("%+v", d)
			}
		}
	})
}

func TestRequestErrors(t *testing.T) {
	c := newCompiler(t, programs(t)["clang"])
	tests := []struct {
		name string
		r    Request
		want error
	}{
		{"100 MB line", Request{Name: "a.c", Source: bytes.Repeat([]byte("a"), 100<<20)}, ErrSourceTooLarge},
		{"no name", Request{}, ErrName},
		{"folder", Request{Name: "../a.c"}, ErrName},
		{"option", Request{Name: "-o"}, ErrName},
		{"line break", Request{Name: "a\nb.c"}, ErrName},
		{"define", Request{Name: "a.c", Defines: []string{"A B"}}, ErrDefine},
		{"define an option", Request{Name: "a.c", Defines: []string{"-load"}}, ErrDefine},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := c.Compile(context.Background(), test.r); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestDefines(t *testing.T) {
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r, err := c.Compile(context.Background(), Request{
			Name: "prog.bpf.c", Source: []byte(head + "int x = N;\n"),
			Kernel: smallKernel(t, c), Defines: []string{"N=sizeof(\"a b\")"},
		})
		if err != nil || r.Object == nil {
			t.Fatal(err, r)
		}
	})
}

func TestCancel(t *testing.T) {
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		ctx, cancel := context.WithCancelCause(context.Background())
		reason := errors.New("the user went away")
		cancel(reason)
		if _, err := c.Compile(ctx, Request{Name: "a.c"}); !errors.Is(err, reason) {
			t.Errorf("got %v", err)
		}
	})
}
