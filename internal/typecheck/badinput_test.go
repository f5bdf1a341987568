package typecheck

import (
	"context"
	"strings"
	"testing"
	"time"
)

const goodSource = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("tp/sched/sched_process_exec")
int handle(struct trace_event_raw_sched_process_exec *ctx)
{
	return ctx->pid == bpf_get_current_pid_tgid();
}

char LICENSE[] SEC("license") = "GPL";
`

// Each has to end with an error that says something of this, and the next check has to work.
var badInputs = []struct {
	name, source, says string
}{
	{"10 MB of source", strings.Repeat("int f(void);\n", 10<<20/13), "at most"},
	{"1 MiB of source", strings.Repeat("int f(void) { return 1 + 2; }\n", 1<<20/30), ""},
	{"one long line", "int x = " + strings.Repeat("1+", 400_000) + "1", "more than can be checked"},
	{"deep parentheses", "int x = " + strings.Repeat("(", 100_000) + "1", "nested too deeply"},
	{"deep blocks", "int f(void) {" + strings.Repeat("{", 100_000), "nested too deeply"},
	{"deep structs", strings.Repeat("struct { ", 100_000), "nested too deeply"},
	{"deep initializers", "int x = " + strings.Repeat("{", 100_000), "nested too deeply"},
	{"deep declarators", "int " + strings.Repeat("(", 100_000) + "x", "nested too deeply"},
	{"many pointers", "int " + strings.Repeat("*", 100_000) + "x;", "nested too deeply"},
	{"many dimensions", "int x" + strings.Repeat("[1]", 100_000) + ";", "nested too deeply"},
	{"many signs", "int x = " + strings.Repeat("- ", 100_000) + "1;", "nested too deeply"},
	{"many conditions", "int x = " + strings.Repeat("1 ? 2 : ", 100_000) + "1;", "nested too deeply"},
	{"many assignments", "int f(int a) { " + strings.Repeat("a = ", 100_000) + "1; }", "nested too deeply"},
	{"many ifs", "int f(int a) { " + strings.Repeat("if (a) ", 100_000) + "; }", "nested too deeply"},
	{"many #ifs", strings.Repeat("#if 1\n", 10_000), ""},
	{"macro bomb", bomb(40) + "int x = M40 1;\n", "more than can be checked"},
	{"macro bomb in a condition", bomb(40) + "#if M40\n#endif\n", "more than can be checked"},
	{"macro bomb by arguments", "#define D(...) __VA_ARGS__ __VA_ARGS__\nint x = " + strings.Repeat("D(", 60) + "+1" + strings.Repeat(")", 60) + ";\n", "more than can be checked"},
	{"macro that names itself", "#define F F\n#define G(x) G(G(x))\nint x = F + G(G(G(1)));\n", "not declared"},
	{"macro that never ends", "#define F(x) x\nint x = F(1", ""},
	{"many parameters of a macro", "#define F(" + parameters(20_000) + ") " + parameters(20_000) + "\nint x = F(" + parameters(20_000) + ");\n", "more than can be checked"},
	{"NUL bytes", "int x = 1;\x00\x00 int y = z;\n", ""},
	{"only NUL bytes", strings.Repeat("\x00", 10_000), ""},
	{"UTF-16", "\xff\xfei\x00n\x00t\x00 \x00x\x00;\x00", ""},
	{"Latin-1", "int gr\xf6\xdfe = unbekannt\xe9;\n", "not declared"},
	{"UTF-8 with a mark", "\xef\xbb\xbfint x = y;\n", ""},
	{"old Mac's line ends", "int x;\rint y = z;\r", ""},
	{"missing include", "#include <bpf/bpf_helper.h>\n", "did you mean 'bpf/bpf_helpers.h'"},
	{"include of something else", "#include \"../../etc/passwd\"\n", "there is no file"},
	{"include of the folder", "#include \"/\"\n", "there is no file"},
	{"include without a name", "#include\n", "FILENAME"},
	{"comment without an end", "int x; /* and so on", ""},
	{"string without an end", "char *x = \"and so on", ""},
	{"long name", "int " + strings.Repeat("x", 100_000) + " = y;\n", "not declared"},
	{"long string", "char x[] = \"" + strings.Repeat("x", 200_000) + "\"; int y = z;\n", "not declared"},
	{"long number", "int x = " + strings.Repeat("1", 100_000) + ";\n", "number too long"},
	{"huge array", "int x[0x7fffffff][0x7fffffff][0x7fffffff]; int y = z;\n", "not declared"},
	{"huge initializer", "int f(void) { int x[1000000000] = { [0 ... 999999999] = 1 }; return z; }\n", "not declared"},
	{"division by zero", "int x[1 / 0]; enum { A = 1 % 0 }; int y = z;\n", ""},
	{"smallest number by -1", "long long x = (-0x7fffffffffffffffLL - 1) / -1; int y = z;\n", ""},
	{"nothing", "", ""},
}

// bomb defines macros of which each is twice the one before.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("#define M0 1 +\n")
	for i := range n {
		b.WriteString("#define M" + number(i+1) + " M" + number(i) + " M" + number(i) + "\n")
	}
	return b.String()
}

func number(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return number(n/10) + number(n%10)
}

func parameters(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("p" + number(i))
	}
	return b.String()
}

func TestBadInput(t *testing.T) {
	c := testChecker(t, false)
	for _, test := range badInputs {
		t.Run(test.name, func(t *testing.T) {
			begin := time.Now()
			r := check(t, c, test.source, Options{Types: true})
			t.Logf("%v, %d diagnostics", time.Since(begin).Round(100*time.Microsecond), len(r.Diagnostics))
			text := ""
			for _, d := range r.Diagnostics {
				text += d.Message + "\n"
				if d.Line < 1 || d.Column < 1 || d.EndLine < d.Line {
					t.Errorf("%q is at %d:%d to %d:%d", d.Message, d.Line, d.Column, d.EndLine, d.EndColumn)
				}
			}
			if !strings.Contains(text, test.says) {
				t.Errorf("nothing says %q: %q", test.says, text)
			}
			if r := check(t, c, goodSource, Options{}); len(r.Diagnostics) > 0 {
				t.Fatalf("afterwards a good source has %+v", r.Diagnostics)
			}
		})
	}
}

// An end of the context ends the wait for an instance, and the instance that it took.
func TestCancelled(t *testing.T) {
	c := testChecker(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := c.Check(ctx, []byte(goodSource), Options{}); err == nil {
		t.Errorf("a check that was cancelled before says %+v", r)
	}
	for range 2 * cap(c.idle) {
		if r := check(t, c, goodSource, Options{}); len(r.Diagnostics) > 0 {
			t.Fatalf("afterwards a good source has %+v", r.Diagnostics)
		}
	}
}
