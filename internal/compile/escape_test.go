package compile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deep is something within something, n times.
func deep(open, inside, closed string, n int) string {
	return strings.Repeat(open, n) + inside + strings.Repeat(closed, n)
}

// bomb is a macro that doubles n times.
func bomb(n int) string {
	var out strings.Builder
	out.WriteString("#define M0 x +\n")
	for i := range n {
		fmt.Fprintf(&out, "#define M%d M%d M%d\n", i+1, i, i)
	}
	return out.String()
}

// TestEscapes holds the jail and the limits against sources that want out of them. Each ends as an error on
// the line that is to blame; "" for the line means that the compiler has no place to name.
func TestEscapes(t *testing.T) {
	const found = "file not found"
	tests := []struct {
		name, source string
		place        string // "line:" or "line:column:"
		message      string // a part of it
	}{
		{"passwd", "\n#include \"/etc/passwd\"\n", "2:10:", found},
		{"environ", "#include \"/proc/self/environ\"\n", "1:10:", found},
		{"zero", "#include \"/dev/zero\"\n", "1:10:", found},
		{"stdin", "#include \"/dev/stdin\"\n", "1:10:", found},
		{"inherited file", "#include \"/proc/self/fd/3\"\n", "1:10:", found},
		{"above", "#include \"../../../../etc/passwd\"\n", "1:10:", found},
		{"next", "#include_next \"/etc/passwd\"\n", "1:15:", found},
		{"embed", "char a[] = {\n#embed \"/etc/passwd\"\n};\n", "2:8:", found},
		{"embed for ever", "char a[] = {\n#embed \"/dev/zero\"\n};\n", "2:8:", found},
		{"import", "#import \"/etc/passwd\"\n", "1:9:", found},
		{"incbin", "int x;\nasm(\".incbin \\\"/etc/passwd\\\"\");\n", "2:", "Could not find incbin file"},
		{"incbin in a function", "int f(void)\n{\n\tasm volatile(\".incbin \\\"/etc/passwd\\\"\");\n\treturn 0;\n}\n", "3:15:", "Could not find incbin file"},
		{"assembler's include", "int x;\nasm(\".include \\\"/etc/passwd\\\"\");\n", "2:", "Could not find include file"},
		{"probing", "#if __has_include(\"/etc/passwd\") || __has_embed(\"/etc/hostname\") == 1\n#else\n#error closed\n#endif\n", "3:2:", "closed"},
		{"module", "#pragma clang module import \"x\"\n", "1:29:", "module 'x' not found"},
		{"plugin by pragma", "#pragma clang __debug parser_crash\n", "1:", "crashed here"},
		{"command line by pragma", "#pragma comment(lib, \"x\")\n#pragma GCC system_header\n#error still here\n", "3:2:", "still here"},
		{"includes itself", "#include __FILE__\n", "1:10:", "nested too deeply"},
		{"brackets", "int a = " + deep("(", "1", ")", 100_000) + ";\n", "1:265:", "bracket nesting level exceeded"},
		{"blocks", "int f(void)\n{\n" + deep("{", "", "}", 100_000) + "\n}\n", "3:256:", "bracket nesting level exceeded"},
		{"pointers", "int " + strings.Repeat("*", 200_000) + "p = 0;\n", "", ""},
		{"unary", "int a = " + strings.Repeat("- ", 200_000) + "1;\n", "", ""},
		{"large array", "int first;\nint a[1 << 30] = {1};\n", "2:5:", "4096 MiB"},
		{"large array twice", "char a[1 << 28] = {1};\nchar b[1 << 28] = {2};\n", "1:6:", "256 MiB"},
		{"macro bomb", bomb(40) + "int x;\nint y = M40 x;\n", "", "too"},
		{"text of a macro bomb", bomb(40) + "#define S(x) #x\n#define T(x) S(x)\nchar s[] = T(M40);\n", "", "too"},
		{"not C", "\x7fELF\x02\x01\x01\x00\xff\xfe", "1:1:", ""},
	}
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		c.limits.CPU, c.limits.Memory = time.Second, 512<<20
		waits := len(c.waiting.kinds) > 0
		dropWaiting(t, c)
		before := leftovers(t)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				if waits {
					keepWaiting(t, c) // for these limits
				}
				begin := time.Now()
				r, err := c.Compile(context.Background(), Request{Name: "prog.bpf.c", Source: []byte(test.source)})
				if err != nil {
					t.Fatal(err)
				}
				if time.Since(begin) > c.limits.Wall {
					t.Error("took longer than the limit")
				}
				list := errorsOf(r)
				if test.place == "" && test.message == "" {
					return // either way is fine, as long as it ends
				}
				if r.Object != nil || len(list) == 0 {
					t.Fatal("no error")
				}
				if !c.program.own && strings.Contains(test.message, "MiB") {
					test.place, test.message = " the compiler ran out", "too large" // clang cannot say where
				}
				if !strings.HasPrefix(list[0], "prog.bpf.c:"+test.place) || !strings.Contains(strings.Join(list, "\n"), test.message) {
					t.Errorf("got %q", list)
				}
				for _, d := range r.Diagnostics {
					if strings.Contains(d.Message, "root:") || strings.Contains(d.Message, jailWork+"/") {
						t.Errorf("says too much: %s", d)
					}
				}
			})
		}
		if c.Close(); leftovers(t) != before {
			t.Errorf("left behind: before %s, after %s", before, leftovers(t))
		}
	})
}

// leftovers counts processes of this test's own and files in the temporary folder.
func leftovers(t *testing.T) string {
	t.Helper()
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var pids []byte
	for _, path := range children {
		text, _ := os.ReadFile(path) // a thread that ended meanwhile has none
		pids = append(pids, text...)
	}
	files, err := filepath.Glob(filepath.Join(os.TempDir(), "skep*"))
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := filepath.Glob(filepath.Join(sharedCache, "*", ".new-*"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("processes [%s], files %d, unfinished %d", bytes.TrimSpace(pids), len(files), len(kernels))
}

func TestErrorsAreCapped(t *testing.T) {
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		r := compileText(t, c, "prog.bpf.c", strings.Repeat("int f(void) { return nothing; }\n", 3000))
		if n := countErrors(r.Diagnostics); n > 21 || n < 20 { // the last says that there are too many
			t.Errorf("%d errors", n)
		}
	})
}

func TestMegabyte(t *testing.T) {
	line := "static int f%06d(int x) { return x * 3 + 1; } int v%06d;\n"
	var source strings.Builder
	for i := 0; source.Len() < 1<<20-len(line)-12; i++ {
		fmt.Fprintf(&source, line, i, i)
	}
	oneLine := "int a = 1" + strings.Repeat(" + 1", 250_000) + ";\n"
	forEachProgram(t, func(t *testing.T, c *Compiler) {
		for name, text := range map[string]string{"lines": source.String(), "one line": oneLine, "comment": "/*" + strings.Repeat("x", 1<<20-10) + "*/"} {
			t.Run(name, func(t *testing.T) {
				r := compileText(t, c, "prog.bpf.c", text)
				if r.Object == nil && len(errorsOf(r)) == 0 {
					t.Error("neither object nor error")
				}
			})
		}
	})
}

// needBusybox fails without one that runs in a jail by itself.
func needBusybox(t *testing.T) {
	t.Helper()
	if info, err := os.Stat("/bin/busybox"); err != nil || info.Size() < 1<<20 {
		t.Fatalf("there is no static /bin/busybox: run 'make packages': %v", err)
	}
}

func TestJailHidesThisMachine(t *testing.T) {
	c := newCompiler(t, programs(t)["clang"])
	script := map[string][]byte{"/work/x": []byte("x")}
	run := command{path: "/usr/bin/busybox", limits: c.limits, files: script, env: [][2]string{{"A", "b"}}}
	needBusybox(t)
	run.mounts = []mount{{"/bin/busybox", run.path}}
	tests := []struct {
		name string
		args []string
		want string // of standard output, "" for a failure
	}{
		{"files", []string{"ls", "/"}, "usr\nwork"},
		{"source", []string{"cat", "/work/x"}, "x"},
		{"environment", []string{"env"}, "A=b\nPWD=/work"},
		{"user", []string{"id", "-u"}, "65534"},
		{"write", []string{"cp", "/work/x", "/work/y"}, ""},
		{"write elsewhere", []string{"mkdir", "/x"}, ""},
		{"processes", []string{"sh", "-c", "/usr/bin/busybox true & wait; echo forked"}, ""},
		{"network", []string{"nc", "127.0.0.1", "1"}, ""},
		{"kernel keys and mounts", []string{"mount", "-t", "tmpfs", "x", "/work"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run.args = test.args
			out, err := c.jail.run(context.Background(), run)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(string(out.stdout))
			if got != test.want || (out.exit == 0) != (test.want != "") {
				t.Errorf("status %d, output %q, want %q; said %s", out.exit, got, test.want, out.stderr)
			}
		})
	}
}

func TestWallClock(t *testing.T) {
	c := newCompiler(t, programs(t)["clang"])
	needBusybox(t)
	limits := c.limits
	limits.Wall = 200 * time.Millisecond
	before := leftovers(t)
	out, err := c.jail.run(context.Background(), command{
		path: "/bin/busybox", args: []string{"sleep", "1000"},
		mounts: []mount{{"/bin/busybox", "/bin/busybox"}}, limits: limits,
	})
	if err != nil || !errors.Is(out.stopped, errWallClock) {
		t.Fatal(err, out)
	}
	if after := leftovers(t); after != before {
		t.Errorf("left behind: before %s, after %s", before, after)
	}
}
