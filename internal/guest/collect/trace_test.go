//go:build linux

package collect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skep-dev/skep/internal/wire"
)

// The lines are from trace_pipe of the kernels that they name.
func TestParseTraceLine(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       wire.Trace
		lost       uint64
		ok         bool
	}{
		{
			name: "6.1",
			line: "          target-113     [000] d..21     4.283352: bpf_trace_printk: wanted 7, actor 4711",
			want: wire.Trace{Process: "target", PID: 113, Time: 4.283352, Text: "wanted 7, actor 4711"}, ok: true,
		},
		{
			name: "process with dashes and spaces",
			line: " a-b c-12-3456  [003] ...1 10.000001: bpf_trace_printk: x",
			want: wire.Trace{Process: "a-b c-12", PID: 3456, CPU: 3, Time: 10.000001, Text: "x"}, ok: true,
		},
		{
			name: "with thread group",
			line: "           <...>-99      (-------) [001] d.h1. 1.5: bpf_trace_printk: irq",
			want: wire.Trace{Process: "<...>", PID: 99, CPU: 1, Time: 1.5, Text: "irq"}, ok: true,
		},
		{
			name: "text that looks like a line",
			line: "            init-1       [000] d..21     1.000000: bpf_trace_printk: a-1 [002] d 2.0: b",
			want: wire.Trace{Process: "init", PID: 1, Time: 1, Text: "a-1 [002] d 2.0: b"}, ok: true,
		},
		{
			name: "empty text",
			line: "            init-1       [000] d..21     1.000000: bpf_trace_printk: ",
			want: wire.Trace{Process: "init", PID: 1, Time: 1}, ok: true,
		},
		{name: "lost", line: "CPU:0 [LOST 15130 EVENTS]", lost: 15130},
		{name: "second line of a text", line: "and so on"},
		{name: "nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, lost, ok := ParseTraceLine(test.line)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if lost != test.lost || ok != test.ok {
				t.Errorf("lost %d, ok %v, want %d and %v", lost, ok, test.lost, test.ok)
			}
		})
	}
}

func FuzzParseTraceLine(f *testing.F) {
	f.Add("          target-113     [000] d..21     4.283352: bpf_trace_printk: text")
	f.Add("CPU:0 [LOST 1 EVENTS]")
	f.Fuzz(func(_ *testing.T, line string) { _, _, _ = ParseTraceLine(line) })
}

func TestTracerLines(t *testing.T) {
	const prefix = "            init-1       [000] d..21     1.000000: bpf_trace_printk: "
	r := &recorder{}
	tracer := &Tracer{sink: NewSink(r.send, wire.Limits{})}
	rest := tracer.lines([]byte("orphan\n" + prefix + "one\n" + prefix + "two\nlines\nCPU:0 [LOST 7 EVENTS]\n" + prefix + "cut o"))
	tracer.lines(append(rest, "ff\n"...))
	tracer.sink.SendLost()
	var texts []string
	for _, v := range r.values {
		switch v := v.(type) {
		case wire.Trace:
			texts = append(texts, v.Text)
		case wire.Lost:
			texts = append(texts, v.Map)
		}
	}
	want := []string{"orphan", "one", "two\nlines", "cut off", "trace_pipe"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Error(diff)
	}
}
