package test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
	"github.com/skep-dev/skep/internal/wire"
)

const (
	prelude = "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n"

	// counts sees every program that is started.
	counts = prelude + `
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
int seen;
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx)
{
	int number = ++seen;
	bpf_ringbuf_output(&events, &number, sizeof(number), 0);
	return 0;
}`
	floodsRing = prelude + `
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
SEC("raw_tp/sys_enter") int flood(void *ctx)
{
	for (int i = 0; i < 1000; i++) {
		int number = i;
		bpf_ringbuf_output(&events, &number, sizeof(number), 0);
	}
	return 0;
}`
	floodsTrace = prelude + `
SEC("raw_tp/sys_enter") int flood(void *ctx)
{
	for (int i = 0; i < 300; i++)
		bpf_printk("line %d", i);
	return 0;
}`
	huge = prelude + `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 200000000); __type(key, int); __type(value, long); } m SEC(".maps");
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx) { int k = 0; return !bpf_map_lookup_elem(&m, &k); }`
	rejected = prelude + `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, int); __type(value, int); } m SEC(".maps");
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx)
{
	int key = 1, *value = bpf_map_lookup_elem(&m, &key);
	return *value;
}`

	native    = "int main(void) { return 0; }"
	withoutBT = `__attribute__((section("tp/sched/sched_process_exec"), used)) int on_exec(void *ctx) { return 0; }`

	endless = `
steps:
  - run: [/bin/true]
  - {run: [sleep, "500"], timeout: 500s}`
	panics = `
steps:
  - run: [/bin/true]
  - sleep: 200ms
  - run: [sh, -c, "echo c >/proc/sysrq-trigger"]`
	powersOff = `
steps:
  - run: [/bin/true]
  - sleep: 200ms
  - run: [poweroff, -f]
  - {run: [sleep, "500"], timeout: 500s}`
	small = `
steps:
  - run: [/bin/true]`
)

// badInput is a program or scene that has no good end: which one it has, what
// it says, and what is kept.
type badInput struct {
	name    string
	program func(*testing.T) source.Program
	scene   string // empty: the default one
	change  func(*run.Request)
	state   run.State
	message string // part of it
	keeps   func(*recording) bool
}

func text(program string) func(*testing.T) source.Program {
	return func(t *testing.T) source.Program { return cProgram(t, "bad.bpf.c", program) }
}

// object compiles with clang, as somebody else would have done.
func object(program string, flags ...string) func(*testing.T) source.Program {
	return func(t *testing.T) source.Program {
		path := filepath.Join(t.TempDir(), "bad.o")
		clang := exec.Command("clang-19", append(flags, "-c", "-x", "c", "-", "-o", path)...)
		clang.Stdin = strings.NewReader(program)
		if output, err := clang.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		p, err := source.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func cutShort(whole func(*testing.T) source.Program) func(*testing.T) source.Program {
	return func(t *testing.T) source.Program {
		p := whole(t)
		p.Text = p.Text[:len(p.Text)/2]
		return p
	}
}

func someEvents(rec *recording) bool { return len(of[run.Record](rec)) > 0 }

var badInputs = []badInput{
	{
		name: "not C", program: text("once upon a time"), state: run.CompileError, message: "does not compile",
		keeps: func(rec *recording) bool { return len(of[run.Diagnostic](rec)) > 0 },
	},
	{name: "object for x86", program: object(native), state: run.BadObject, message: "x86-64"},
	{name: "object for big-endian", program: object(withoutBT, "--target=bpfeb", "-O2"), state: run.BadObject, message: "big-endian"},
	{name: "half an object", program: cutShort(object(withoutBT, "--target=bpfel", "-O2")), state: run.BadObject, message: "bad.o"},
	{
		name: "object without BTF", program: object(withoutBT, "--target=bpfel", "-O2"), scene: small, state: run.Done,
		keeps: func(rec *recording) bool {
			d := of[run.Diagnostic](rec)
			return len(d) == 1 && strings.Contains(d[0].Message, "no BTF") && len(of[run.Stats](rec)) == 1
		},
	},
	{
		name: "1 MB of source", program: text(counts + strings.Repeat("\n/* a long story */", 52000)), scene: small,
		state: run.Done, keeps: someEvents,
	},
	{
		name: "unknown section", program: text(prelude + `SEC("tracepont/sched/sched_process_exec") int f(void *ctx) { return 0; }`),
		state: run.BadObject, message: "tracepont/sched/sched_process_exec",
	},
	{
		name: "what 6.1 lacks", program: text(prelude + `SEC("tcx/ingress") int f(struct __sk_buff *skb) { return -1; }`),
		state: run.Unsupported, message: "6.6",
		keeps: func(rec *recording) bool { return rec.end.Since == "6.6" && rec.end.Feature != "" },
	},
	{
		name: "no such place", program: text(prelude + `SEC("kprobe/no_such_function") int f(void *ctx) { return 0; }`),
		state: run.CannotAttach, message: "no_such_function",
	},
	{
		name: "rejected", program: text(rejected), state: run.Rejected, message: "invalid mem access",
		keeps: func(rec *recording) bool {
			return strings.Contains(rec.logs("verifier"), "R0 invalid mem access 'map_value_or_null'")
		},
	},
	{name: "map too large", program: text(huge), state: run.MapFailed, message: "map m"},
	{
		name: "scene without end", program: text(counts), scene: endless, state: run.TimedOut, message: "after 3s", keeps: someEvents,
		change: func(r *run.Request) { r.Deadline = 3 * time.Second },
	},
	{
		name: "panic", program: text(counts), scene: panics, state: run.GuestDied, message: "sysrq-trigger",
		keeps: func(rec *recording) bool {
			return someEvents(rec) && strings.Contains(rec.logs("kernel"), "Kernel panic")
		},
	},
	{name: "power off", program: text(counts), scene: powersOff, state: run.GuestDied, message: "shut down", keeps: someEvents},
	{
		name: "flood of events", program: text(floodsRing), scene: small, state: run.OutputLimit, message: "events",
		change: func(r *run.Request) { r.Limits = wire.Limits{Events: 50} },
		keeps:  func(rec *recording) bool { return len(of[run.Record](rec)) == 50 },
	},
	{
		name: "flood of trace_pipe", program: text(floodsTrace), scene: small, state: run.OutputLimit, message: "trace",
		change: func(r *run.Request) { r.Limits = wire.Limits{TraceLines: 30} },
		keeps:  func(rec *recording) bool { return len(of[run.Trace](rec)) == 30 },
	},
}

// TestBadInput: everything has its own end and sentence, what was gathered is
// kept, and nothing stays behind.
func TestBadInput(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := newRig(t, "6.1")
	goroutines := goleak.IgnoreCurrent()
	before := takeStock(t)
	t.Run("cases", func(t *testing.T) {
		for _, c := range badInputs {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				request := run.Request{Program: c.program(t), Kernel: r.kernels["6.1"]}
				if c.change != nil {
					c.change(&request)
				}
				c.check(t, r.play(t, t.Context(), request, c.scene))
			})
		}
	})
	leavesNothing(t, before)
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
}

func (c badInput) check(t *testing.T, rec *recording) {
	t.Helper()
	if rec.end.State != c.state || !strings.Contains(rec.end.Message, c.message) {
		t.Errorf("%s: %s, want %s: …%s…", rec.end.State, rec.end.Message, c.state, c.message)
	}
	if strings.ContainsAny(rec.end.Message, "\n\x1b") || strings.Contains(rec.end.Message, "%!") {
		t.Errorf("this is no sentence: %q", rec.end.Message)
	}
	if c.keeps != nil && !c.keeps(rec) {
		t.Error("what was gathered is not there")
	}
	if t.Failed() {
		t.Log(rec)
	}
}

// TestCancelled: a run can be cancelled at any time, at every stage.
func TestCancelled(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := newRig(t, "6.1")
	goroutines := goleak.IgnoreCurrent()
	before := takeStock(t)
	for _, at := range []string{"compile", "machine", "load", "attach", "scene"} {
		t.Run(at, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			runner := *r.runner
			request := run.Request{Program: cProgram(t, "c.bpf.c", counts), Kernel: r.kernels["6.1"], For: time.Hour}
			end := runner.Run(ctx, request, func(e run.Event) {
				if s, ok := e.Body.(run.Stage); ok && s.Name == at && s.State == "begin" {
					cancel()
				}
			})
			if end.State != run.Cancelled || end.Seconds > 30 {
				t.Errorf("%+v", end)
			}
		})
	}
	leavesNothing(t, before)
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
}

// TestInterrupted: skep as a process, ended in the middle in every way.
func TestInterrupted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	newRig(t, "6.1") // so that there is a snapshot
	before := takeStock(t)
	tests := []struct {
		name  string
		on    string // when a line has this
		do    func(*testing.T, *exec.Cmd, io.Closer)
		code  int // -1: killed
		print string
	}{
		{"Ctrl-C", "/bin/true", sendSignal(syscall.SIGINT), 3, "cancelled"},
		{"Ctrl-C early", "compile", sendSignal(syscall.SIGINT), 3, "cancelled"},
		{"terminated", "/bin/true", sendSignal(syscall.SIGTERM), 3, "cancelled"},
		{"hung up", "/bin/true", sendSignal(syscall.SIGHUP), 3, "cancelled"},
		{"killed", "/bin/true", sendSignal(syscall.SIGKILL), -1, ""},
		{"output closed", "attach", func(_ *testing.T, _ *exec.Cmd, out io.Closer) { _ = out.Close() }, 3, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join("..", "examples", "execsnoop.bpf.c")
			command := exec.Command(os.Args[0], "run", path, "--kernel", "6.1", "--for", "60s", "--timeout", "60s")
			command.Env = append(os.Environ(), asSkep+"=1")
			stderr := new(strings.Builder)
			command.Stderr = stderr
			out, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			printed, done := new(strings.Builder), false
			for lines := bufio.NewScanner(out); lines.Scan(); {
				printed.WriteString(lines.Text() + "\n")
				if !done && strings.Contains(lines.Text(), test.on) {
					test.do(t, command, out)
					done = true
				}
			}
			_ = command.Wait()
			if got := command.ProcessState.ExitCode(); !done || got != test.code || !strings.Contains(printed.String(), test.print) {
				t.Errorf("exit code %d, want %d\n%s%s", got, test.code, printed, stderr)
			}
			leavesNothing(t, before)
		})
	}
}

func sendSignal(signal os.Signal) func(*testing.T, *exec.Cmd, io.Closer) {
	return func(t *testing.T, command *exec.Cmd, _ io.Closer) {
		if err := command.Process.Signal(signal); err != nil {
			t.Error(err)
		}
	}
}
