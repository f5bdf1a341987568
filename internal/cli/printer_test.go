package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/source"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}

// printed is what a printer makes of a stream.
func printed(program source.Program, set func(*printer), bodies ...run.Body) string {
	var out bytes.Buffer
	p := newPrinter(&out, program)
	if set != nil {
		set(p)
	}
	for i, body := range bodies {
		p.print(run.Event{Seq: i + 1, At: float64(i) / 1000, Body: body})
	}
	return out.String()
}

func stage(name string, seconds float64) run.Body {
	return run.Stage{Name: name, State: "end", Seconds: seconds}
}

func record(name string, fields ...run.Field) run.Body {
	return run.Record{Map: "events", Program: "on_exec", TypeName: name, Fields: fields, Text: "{…}"}
}

var (
	shortExec = []run.Field{{Name: "pid", Text: "7"}, {Name: "comm", Text: `"true"`}}
	longExec  = []run.Field{{Name: "pid", Text: "4000000"}, {Name: "comm", Text: `"` + strings.Repeat("x", 60) + `"`}}
	exit1     = 1
)

func TestPrinter(t *testing.T) {
	program := source.Program{Name: "a.bpf.c", Language: source.C, Text: []byte("int a;\n\tint b = \"text\";\nint c\n")}
	tests := []struct {
		name   string
		set    func(*printer)
		stream []run.Body
	}{
		{name: "printer_done", stream: []run.Body{
			run.Stage{Name: "compile", State: "begin"},
			run.Stage{Name: "compile", State: "end", Seconds: 0.0042, Note: "cached"},
			stage("machine", 0.041),
			run.Map{Name: "counts", MapType: "Hash", KeyType: "int", ValueType: "struct counter"},
			run.Program{
				Name: "on_exec", Section: "tp/sched/sched_process_exec", ProgramType: "TracePoint", Loaded: true,
				Instructions: 64, Verified: 62, JITedBytes: 254,
			},
			stage("load", 0.0101),
			run.Attach{Program: "on_exec", To: "tracepoint sched:sched_process_exec", How: "perf event"},
			stage("attach", 1.5),
			record("struct exec", shortExec...),
			record("struct exec", longExec...),
			run.Trace{Process: "main", PID: 7, Text: "a line\x1b[31m with colour"},
			record("struct exec", shortExec...),
			record("struct other", run.Field{Name: "x", Text: "1"}),
			run.Record{Map: "times", TypeName: "__u64", Text: "16262003895"},
			run.Record{Map: "times", Candidates: []string{"struct a", "struct b"}, Text: "01 02"},
			run.Show{Line: 3, Expression: "task->pid", TypeName: "int", Text: "7"},
			run.Show{Line: 4, Expression: "*wrong", Error: "the memory could not be read"},
			run.Show{Submitted: true, Line: 5, Expression: "answer", Text: "42"},
			run.Step{Result: scene.Result{Name: "run", Kind: "run", Error: "exit 1, expected 0"}},
			run.Step{Result: scene.Result{Name: "fine", Kind: "run", OK: true}},
			run.Lost{Map: "events", Count: 3},
			run.Lost{Map: "skep_show", Count: 1},
			run.Lost{Map: "trace_pipe", Count: 2},
			run.Lost{Map: "packets on v0", Count: 4},
			stage("scene", 0.5),
			run.Global{Name: "calls", TypeName: "int", Section: ".bss", Text: "0 → 6", Changed: true},
			run.Global{Name: "bytes", TypeName: "__u64", Section: ".bss", Text: "0 → 50", Changed: true},
			run.Entries{Map: "counts", Entries: []run.Entry{{KeyText: "1", ValueText: "{packets: 2}"}}, Zero: 255, Truncated: true},
			run.Entries{Map: "empty"},
			run.Stats{Program: "on_exec", Runs: 5, Nanoseconds: 1_800_000},
			run.Stats{Program: "on_exit", Runs: 1, Nanoseconds: 70},
			run.Stats{Program: "never"},
			stage("drain", 0.0046),
			run.End{State: run.Done, Seconds: 1.18, Kernel: "7.2.12"},
		}},
		{name: "printer_compile_error", stream: []run.Body{
			run.Diagnostic{
				File: "a.bpf.c", Line: 2, Column: 6, EndLine: 2, EndColumn: 7, Severity: "warning", Message: "not good",
				Notes: []run.Diagnostic{{File: "a.bpf.c", Line: 1, Column: 1, Severity: "note", Message: "because of this"}},
			},
			run.Diagnostic{
				File: "a.bpf.c", Line: 3, Column: 6, Severity: "error", Message: "expected ';'",
				Fixes: []run.Fix{{Line: 3, Column: 6, EndLine: 3, EndColumn: 6, Text: ";"}},
			},
			run.Diagnostic{File: "vmlinux.h", Line: 3, Column: 6, Severity: "error", Message: "elsewhere"},
			run.Diagnostic{File: "a.bpf.c", Line: 99, Column: 6, Severity: "error", Message: "behind the end"},
			run.End{State: run.CompileError, Message: "a.bpf.c does not compile: 3 errors", Seconds: 0.02, Kernel: "7.2.12"},
		}},
		{name: "printer_rejected", stream: rejectedStream()},
		{name: "printer_rejected_log", set: func(p *printer) { p.wholeLogs = true }, stream: rejectedStream()},
		{name: "printer_unsupported", stream: []run.Body{
			run.Program{Name: "in", ProgramType: "Kprobe", Loaded: true, Instructions: 2},
			run.Attach{Program: "in", To: "kprobe.multi/vfs_*", Error: "not built into this kernel"},
			run.End{
				State: run.Unsupported, Message: "kprobe.multi links: not built into this kernel",
				Feature: "kprobe.multi links", Since: "5.18", Kernel: "6.1.0",
			},
		}},
		{name: "printer_steps", set: func(p *printer) { p.steps = true }, stream: []run.Body{
			run.Step{Result: scene.Result{Name: "prepare", Kind: "mkdir", Setup: true, OK: true}},
			run.Step{Result: scene.Result{Name: "run", Kind: "run", OK: true}},
			run.Step{Result: scene.Result{Name: "unlink keep-me", Kind: "unlink", OK: true, Errno: "EPERM"}},
			run.Step{Result: scene.Result{Name: "false", Kind: "run", OK: true, Exit: &exit1, Bytes: []byte("no\n\x1b")}},
			run.Step{Result: scene.Result{Name: "wire", Kind: "capture", OK: true, PacketCount: 2}},
			run.Step{Result: scene.Result{Name: "nothing to say", Kind: "sleep", OK: true}},
			run.Step{Result: scene.Result{Name: "bad", Kind: "receive", Error: "timed out"}},
		}},
		{name: "printer_packets", stream: []run.Body{
			run.Packet{Where: "v0", Direction: "in", Summary: "before a program of the network: not shown"},
			run.Program{Name: "on_frame", ProgramType: "XDP", Loaded: true, Instructions: 9},
			stage("load", 0.1),
			run.Packet{Where: "v0", Direction: "in", Summary: "UDP 10.77.0.2:1 → 10.77.0.1:9, 5 bytes"},
			run.Packet{Where: "v1", Direction: "out", Summary: "the same on its way out: not shown"},
			run.Lost{Map: "packets on v0", Count: 4},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			golden(t, test.name, printed(program, test.set, test.stream...))
		})
	}
}

func rejectedStream() []run.Body {
	log := strings.Repeat("; a line of the source\n", 60) + "R0 invalid mem access 'map_value_or_null'\nprocessed 7 insns\n"
	return []run.Body{
		run.Log{From: "verifier", Program: "on_exec", Text: log, Truncated: true},
		run.Program{Name: "on_exec", Section: "tp/sched/sched_process_exec"},
		stage("load", 0.1),
		run.End{State: run.Rejected, Message: "R0 invalid mem access 'map_value_or_null'", Kernel: "6.1.0"},
	}
}

// The names of the columns stand above a table once, and again when rows of
// other kinds have pushed them away.
func TestPrinterRepeatsHeadings(t *testing.T) {
	trace := run.Trace{Process: "main", PID: 1, Text: "line"}
	few := []run.Body{record("struct exec", shortExec...), trace, record("struct exec", shortExec...)}
	many := []run.Body{record("struct exec", shortExec...)}
	for range mostBetween + 1 {
		many = append(many, trace)
	}
	many = append(many, record("struct exec", shortExec...))
	for _, test := range []struct {
		stream []run.Body
		want   int
	}{{few, 1}, {many, 2}} {
		out := printed(source.Program{}, nil, test.stream...)
		if got := strings.Count(out, "PID"); got != test.want {
			t.Errorf("%d headings, want %d:\n%s", got, test.want, out)
		}
	}
}

// What comes from a machine cannot steer the terminal.
func TestPrinterIsSafe(t *testing.T) {
	const evil = "\x1b]0;title\x07\x9b31m\r\b\u202e\xff"
	out := printed(source.Program{Name: evil, Language: source.C, Text: []byte(evil)}, func(p *printer) { p.steps = true },
		run.Stage{Name: evil, State: "end", Note: evil},
		run.Diagnostic{File: evil, Line: 1, Column: 1, Severity: evil, Message: evil},
		run.Program{Name: evil, Section: evil, ProgramType: evil, Error: evil},
		run.Program{Name: evil, Section: evil, ProgramType: evil, Loaded: true},
		run.Attach{Program: evil, To: evil, How: evil},
		run.Attach{Program: evil, To: evil, How: evil, Error: evil},
		run.Map{Name: evil, MapType: evil},
		run.Record{Map: evil, Program: evil, TypeName: evil, Text: evil},
		run.Record{Map: evil, Candidates: []string{evil}, Text: evil},
		run.Record{Map: evil, TypeName: evil, Fields: []run.Field{{Name: evil, Text: evil}}},
		run.Show{Expression: evil, Text: evil, Error: evil},
		run.Show{Expression: evil, Text: evil},
		run.Trace{Process: evil, Text: evil},
		run.Step{Result: scene.Result{Name: evil, Kind: evil, Error: evil}},
		run.Step{Result: scene.Result{Name: evil, OK: true, Errno: evil, Signal: evil, Bytes: []byte(evil)}},
		run.Global{Name: evil, Section: evil, TypeName: evil, Text: evil},
		run.Entries{Map: evil, Entries: []run.Entry{{KeyText: evil, ValueText: evil}}},
		run.Log{From: evil, Program: evil, Text: evil},
		run.Lost{Map: evil},
		run.Stats{Program: evil},
		run.Stats{Program: evil, Runs: 1},
		run.End{State: run.State(evil), Message: evil, Kernel: evil},
	)
	for i, r := range out {
		if r != '\n' && printable(string(r)) != string(r) {
			from := max(i-60, 0)
			t.Fatalf("%q reaches the terminal: …%q", r, out[from:min(i+20, len(out))])
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain\tüñ→":    "plain\tüñ→",
		"\x1b[31mred":   `\x1b[31mred`,
		"bad\xffutf-8":  `bad\xffutf-8`,
		"line\nbreak\r": `line\nbreak\r`,
		"\u202eright":   `\u202eright`,
	} {
		if got := printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSafeWriterKeepsColours(t *testing.T) {
	p := &printer{colour: true}
	text := p.paint(roleBad, "bad\x1b[2J") + "\x1b[31m\x9b" + p.paint(roleGood, "good")
	for colour, want := range map[bool]string{
		true:  "\x1b[31;1mbad\\x1b[2J\x1b[0m\\x1b[31m\\x9b\x1b[32;1mgood\x1b[0m",
		false: `\x1b[31;1mbad\x1b[2J\x1b[0m\x1b[31m\x9b\x1b[32;1mgood\x1b[0m`,
	} {
		var out bytes.Buffer
		if _, err := (safeWriter{&out, colour}).Write([]byte(text)); err != nil || out.String() != want {
			t.Errorf("colour %v: %q, want %q (%v)", colour, out.String(), want, err)
		}
	}
}

func TestComparison(t *testing.T) {
	var out bytes.Buffer
	rows := []comparison{{kernel: kernelOf("6.1")}, {kernel: kernelOf("7.2")}}
	for _, body := range []run.Body{
		run.Program{Loaded: true},
		run.Program{},
		run.Attach{},
		run.Record{TypeName: "struct exec", Text: "{pid: 1}"},
		run.Record{},
		run.Show{},
		run.Trace{},
	} {
		rows[0].count(run.Event{Body: body})
	}
	rows[0].end = run.End{State: run.Rejected, Message: "because", Seconds: 1}
	rows[1].end = run.End{State: run.Done, Seconds: 2.5}
	printComparison(&out, rows)
	golden(t, "comparison", out.String())
}

func kernelOf(series string) *kernel.Kernel { return &kernel.Kernel{Series: series} }
