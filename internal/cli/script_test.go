package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/skep-dev/skep/internal/kernel"
)

// TestMain lets the test binary be skep itself in the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"skep": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript plays testdata/*.txtar: the manual of the command line, a file
// for each command. Kernels and snapshots are those of the user's cache.
func TestScript(t *testing.T) {
	kernels, err := openKernels().List()
	if err != nil || len(kernels) < len(kernel.DefaultSeries) {
		t.Fatalf("the kernels are not there (%d of %d, %v): run 'make setup'", len(kernels), len(kernel.DefaultSeries), err)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SKEP_LIBEXEC", libexecDir(root))
	prepare(t, kernels)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SKEP_CACHE", cacheDir())
			env.Setenv("SKEP_LIBEXEC", libexecDir(root))
			env.Setenv("EXAMPLES", filepath.Join(root, "examples"))
			env.Setenv("LATEST", kernels[len(kernels)-1].Series)
			env.Setenv("VMLINUX_6_1", kernels[0].VMLinux())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    cmdCode,
			"stream":  cmdStream,
			"head":    cmdHead,
			"signal":  cmdSignal,
			"seconds": cmdSeconds,
		},
	})
}

// prepare makes the snapshots that are not there, so that no script has to wait
// for one or sees it announced.
func prepare(t *testing.T, kernels []*kernel.Kernel) {
	b, err := newBackend(func(text string) { t.Log(text) })
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, k := range kernels {
		if _, err := b.snapshot(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
}

// libexecDir is where the programs are that skep needs beside it.
func libexecDir(root string) string {
	if dir := os.Getenv("SKEP_LIBEXEC"); dir != "" {
		return dir
	}
	return filepath.Join(root, "bin")
}

// cmdCode runs skep and compares its exit code: code 2 skep run
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with code %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

// cmdStream holds a file to the promises of the stream: each line is an object
// with seq (from 1 in each run), at and type, the last one of a run is its end. Further arguments are
// types that must be there: stream stdout event stats
func cmdStream(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: stream FILE [TYPE...]")
	}
	seen, err := checkStream([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	for _, want := range args[1:] {
		if !slices.Contains(seen, want) {
			ts.Fatalf("no %s in the stream, only %v", want, seen)
		}
	}
}

// checkStream returns the types of events in their order.
func checkStream(text []byte) (types []string, err error) {
	seq, at := 0, 0.0
	last := "end"
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 64<<20)
	for number := 1; lines.Scan(); number++ {
		var e struct {
			Seq  int      `json:"seq"`
			At   *float64 `json:"at"`
			Type string   `json:"type"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("line %d is no JSON object: %w", number, err)
		}
		if last == "end" { // a run begins
			seq, at = 0, 0
		}
		switch {
		case e.Seq != seq+1:
			return nil, fmt.Errorf("line %d: seq %d after %d", number, e.Seq, seq)
		case e.At == nil || *e.At < at:
			return nil, fmt.Errorf("line %d: time goes backwards", number)
		case e.Type == "":
			return nil, fmt.Errorf("line %d has no type", number)
		}
		seq, at, last = e.Seq, *e.At, e.Type
		types = append(types, e.Type)
	}
	if last != "end" {
		return nil, fmt.Errorf("the stream ends with %q", last)
	}
	return types, lines.Err()
}

// cmdSeconds holds a stage of a stream to a least length: seconds FILE STAGE LEAST
func cmdSeconds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: seconds FILE STAGE LEAST")
	}
	least, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var e struct {
			Type, Name, State string
			Seconds           float64
		}
		ts.Check(json.Unmarshal([]byte(line), &e))
		if e.Type == "stage" && e.Name == args[1] && e.State == "end" {
			if e.Seconds < least {
				ts.Fatalf("stage %s took %g seconds", e.Name, e.Seconds)
			}
			return
		}
	}
	ts.Fatalf("there is no stage %s", args[1])
}

// cmdHead runs a program, reads one line and closes the pipe, as head -1 does;
// the program has to end by itself: head CODE PROGRAM [ARGUMENT...]
func cmdHead(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: head CODE PROGRAM [ARGUMENT...]")
	}
	command, stderr := scriptCommand(ts, args[1:])
	out, err := command.StdoutPipe()
	ts.Check(err)
	ts.Check(command.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	ts.Check(out.Close())
	ts.Logf("[first line]\n%s", line)
	endsWith(ts, command, stderr, args[0])
}

// cmdSignal runs a program and sends it a signal when it has printed a text:
// signal TERM CODE TEXT PROGRAM [ARGUMENT...]
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	if neg || len(args) < 4 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal INT|TERM|HUP CODE TEXT PROGRAM [ARGUMENT...]")
	}
	command, stderr := scriptCommand(ts, args[3:])
	out, err := command.StdoutPipe()
	ts.Check(err)
	ts.Check(command.Start())
	read, sent := new(bytes.Buffer), false
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		read.WriteString(line)
		if !sent && strings.Contains(line, args[2]) {
			ts.Check(command.Process.Signal(signals[args[0]]))
			sent = true
		}
		if err == io.EOF {
			break
		}
		ts.Check(err)
	}
	ts.Logf("[stdout]\n%s", read)
	if !sent {
		ts.Fatalf("%q was never printed", args[2])
	}
	endsWith(ts, command, stderr, args[1])
	_, err = io.WriteString(ts.Stdout(), read.String())
	ts.Check(err)
}

func scriptCommand(ts *testscript.TestScript, args []string) (*exec.Cmd, *bytes.Buffer) {
	path := args[0]
	for _, folder := range filepath.SplitList(ts.Getenv("PATH")) {
		if candidate := filepath.Join(folder, args[0]); !strings.Contains(args[0], "/") {
			if _, err := os.Stat(candidate); err == nil {
				path = candidate
				break
			}
		}
	}
	command := exec.Command(path, args[1:]...)
	command.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "SKEP_CACHE", "SKEP_LIBEXEC", "TMPDIR", "GOCOVERDIR"} {
		command.Env = append(command.Env, name+"="+ts.Getenv(name))
	}
	stderr := new(bytes.Buffer)
	command.Stderr = stderr
	return command, stderr
}

// endsWith waits for a command that has reason to end and compares its code.
func endsWith(ts *testscript.TestScript, command *exec.Cmd, stderr *bytes.Buffer, code string) {
	const patience = time.Minute // far beyond what cleaning up takes
	hung := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	_ = command.Wait()
	if !hung.Stop() {
		ts.Fatalf("the command did not end\n%s", stderr)
	}
	if got := command.ProcessState.String(); got != "exit status "+code {
		ts.Fatalf("the command ended with %s, not code %s\n%s", got, code, stderr)
	}
}
