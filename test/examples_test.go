package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

// example is a file of examples/ and what its first lines promise.
type example struct {
	file  string
	scene bool // has a scene of its own, beside it
	set   map[string]string
	shows func(*recording) error
}

var examples = []example{
	{file: "execsnoop", shows: func(rec *recording) error {
		return record(rec, "struct exec", func(fields map[string]string) bool {
			return fields["comm"] == `"true"` && fields["filename"] == `"/bin/true"` && positive(fields["pid"]) && positive(fields["parent"])
		})
	}},
	{file: "writes", set: map[string]string{"my_pid": "@main"}, shows: func(rec *recording) error {
		for _, line := range of[run.Trace](rec) {
			if line.Process != "main" || !strings.Contains(line.Text, " writes ") {
				return fmt.Errorf("a line of another process: %+v", line)
			}
		}
		if len(of[run.Trace](rec)) == 0 {
			return fmt.Errorf("no line")
		}
		return changed(rec, "calls", "bytes")
	}},
	{file: "opens", shows: func(rec *recording) error {
		return record(rec, "struct open", func(fields map[string]string) bool {
			return fields["result"] == "-2" && strings.HasSuffix(fields["path"], `/none"`)
		})
	}},
	{file: "latency", shows: func(rec *recording) error { return changed(rec, "waits") }},
	{file: "show", shows: func(rec *recording) error {
		shown := make(map[string]string)
		for _, s := range of[run.Show](rec) {
			shown[s.Expression] = s.Text
		}
		if !strings.HasPrefix(shown["parent"], "{pid: ") || !positive(shown["BPF_CORE_READ(task, pid)"]) || !strings.HasPrefix(shown["task->comm"], `"`) {
			return fmt.Errorf("shown: %v", shown)
		}
		return nil
	}},
	{file: "greetings", shows: func(rec *recording) error {
		return record(rec, "struct greeting", func(fields map[string]string) bool {
			return fields["name"] == `"hello"` && fields["times"] == "1"
		})
	}},
	{file: "tasks", shows: func(rec *recording) error {
		text := rec.logs("iterator")
		if !strings.Contains(text, "kthreadd") || !strings.Contains(text, " main\n") || !strings.Contains(text, " threads\n") {
			return fmt.Errorf("read: %q", text)
		}
		return nil
	}},
	{file: "deny", scene: true, shows: func(rec *recording) error {
		return record(rec, "struct attempt", func(fields map[string]string) bool {
			return fields["denied"] == "true" && fields["name"] == `"keep-me"`
		})
	}},
	{file: "packets", scene: true, shows: func(rec *recording) error { return changed(rec, "dropped") }},
	{file: "sent", shows: func(rec *recording) error {
		return record(rec, "struct sent", func(fields map[string]string) bool {
			return fields["ip_protocol"] == "17" && positive(fields["length"])
		})
	}},
	{file: "hello-hell", scene: true, shows: func(rec *recording) error {
		for _, s := range of[run.Step](rec) {
			if s.Kind == "receive" && string(s.Bytes) == "Hell" {
				return record(rec, "struct cut", func(fields map[string]string) bool { return fields["had"] == "5" && fields["left"] == "4" })
			}
		}
		return fmt.Errorf("nobody heard Hell")
	}},
	{file: "detour", scene: true, shows: func(rec *recording) error {
		return record(rec, "struct connection", func(fields map[string]string) bool {
			return fields["wanted"] == "[0a 4d 00 09]" && fields["got"] == "[0a 4d 00 02]"
		})
	}},
	{file: "old-maps", shows: func(rec *recording) error {
		for _, r := range of[run.Record](rec) {
			if r.TypeName == "__u64" && positive(r.Text) {
				return nil
			}
		}
		return fmt.Errorf("no time stamp")
	}},
}

// record looks for an event of a type whose fields are right.
func record(rec *recording, typeName string, right func(map[string]string) bool) error {
	records := of[run.Record](rec)
	for _, r := range records {
		fields := make(map[string]string)
		for _, f := range r.Fields {
			fields[f.Name] = f.Text
		}
		if r.TypeName == typeName && right(fields) {
			return nil
		}
	}
	return fmt.Errorf("among %d events is no such %s", len(records), typeName)
}

// changed looks for global variables that the program has changed.
func changed(rec *recording, names ...string) error {
	for _, name := range names {
		at := slices.IndexFunc(of[run.Global](rec), func(g run.Global) bool { return g.Name == name && g.Changed })
		if at < 0 {
			return fmt.Errorf("the global variable %s did not change", name)
		}
	}
	return nil
}

func positive(number string) bool {
	n, err := json.Number(number).Int64()
	return err == nil && n > 0
}

const examplesDir = "../examples"

// TestExamples: each example does on each kernel what it says.
func TestExamples(t *testing.T) {
	series := []string{"6.1", "6.12", "7"}
	r := newRig(t, series...)
	for _, e := range examples {
		for _, name := range series {
			t.Run(e.file+"/"+name, func(t *testing.T) {
				t.Parallel()
				program, err := source.ReadFile(filepath.Join(examplesDir, e.file+".bpf.c"))
				if err != nil {
					t.Fatal(err)
				}
				workload := ""
				if e.scene {
					text, err := os.ReadFile(filepath.Join(examplesDir, e.file+".scene.yaml"))
					if err != nil {
						t.Fatal(err)
					}
					workload = string(text)
				}
				rec := r.play(t, t.Context(), run.Request{Program: program, Kernel: r.kernels[name], Set: e.set}, workload)
				e.check(t, rec)
			})
		}
	}
}

func (e example) check(t *testing.T, rec *recording) {
	t.Helper()
	if rec.end.State != run.Done {
		t.Errorf("%s: %s", rec.end.State, rec.end.Message)
	} else if err := e.shows(rec); err != nil {
		t.Error(err)
	}
	if d := of[run.Diagnostic](rec); len(d) > 0 {
		t.Errorf("the compiler has something to say: %+v", d)
	}
	for _, s := range of[run.Step](rec) {
		if e.scene && !s.OK {
			t.Errorf("step %s: %s", s.Name, s.Error)
		}
	}
	if t.Failed() {
		t.Log(rec)
	}
}

// TestExamplesAreListed: the folder, the table above and the README's table
// have the same files, and a scene is named by its example.
func TestExamplesAreListed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examplesDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := 0
	for _, path := range files {
		file := filepath.Base(path)
		if name, ok := strings.CutSuffix(file, ".scene.yaml"); ok {
			text, err := os.ReadFile(filepath.Join(examplesDir, name+".bpf.c"))
			if err != nil || !strings.Contains(string(text), "--scene examples/"+file) {
				t.Errorf("%s is not named by its example (%v)", file, err)
			}
			continue
		}
		programs++
		if !strings.Contains(string(readme), "| `"+file+"` |") {
			t.Errorf("the README's table has no line for %s", file)
		}
		if name, ok := strings.CutSuffix(file, ".bpf.c"); !ok || !slices.ContainsFunc(examples, func(e example) bool { return e.file == name }) {
			t.Errorf("no test runs %s", file)
		}
		holdComment(t, path)
	}
	if programs != len(examples) {
		t.Errorf("there are %d programs, and %d are tested", programs, len(examples))
	}
	if listed := strings.Count(string(readme), ".bpf.c` |"); listed != programs {
		t.Errorf("the README lists %d programs, and there are %d", listed, programs)
	}
}

// holdComment: an example begins with its name and says its kind and what to
// look at.
func holdComment(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "*/")
	name := strings.TrimSuffix(filepath.Base(path), ".bpf.c")
	for _, want := range []string{"/* " + name + ": ", "\n * Kind: ", "\n * Look at: "} {
		if !strings.Contains(head, want) {
			t.Errorf("%s: its first comment has no %q", path, want)
		}
	}
}
