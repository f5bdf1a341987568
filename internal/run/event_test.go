package run

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/skep-dev/skep/internal/scene"
)

var update = flag.Bool("update", false, "write the golden files anew")

// events has one of each type, with every field set.
var events = []Body{
	Stage{Name: "compile", State: "end", Seconds: 0.5, Note: "cached"},
	Diagnostic{
		File: "a.c", Line: 1, Column: 2, EndLine: 1, EndColumn: 3, Severity: "error", Message: "<no>",
		Fixes: []Fix{{1, 2, 1, 3, ";"}}, Notes: []Diagnostic{{File: "a.c", Line: 4, Column: 1, Severity: "note", Message: "here"}},
	},
	Program{
		Name: "p", Section: "xdp", ProgramType: "XDP", Loaded: true, Instructions: 2, Verified: 3,
		States: "total_states 1", Seconds: 0.25, JITedBytes: 16, Error: "e",
	},
	Map{Name: "m", MapType: "Hash", KeyType: "int", ValueType: "int", KeySize: 4, ValueSize: 4, MaxEntries: 16},
	Attach{Program: "p", To: "v0", How: "link", Error: "e"},
	Record{
		Map: "m", Program: "p", CPU: -1, Nano: 7, TypeName: "struct e", Candidates: []string{"struct f"},
		Value: map[string]int{"pid": 1}, Bytes: []byte{1, 2}, Text: "not sent", Fields: []Field{{"not", "sent"}},
	},
	Show{Line: 1, Column: 2, Expression: "x", TypeName: "int", Value: 1, Bytes: []byte{1}, Error: "e", Text: "not sent"},
	Show{Submitted: true, Line: 1, Expression: "x", Bytes: []byte{}},
	Trace{CPU: 1, Process: "sh", PID: 2, Text: "\x1b\u2028"},
	Packet{Where: "v0", Direction: "in", Bytes: []byte{0xff}, Length: 1, Summary: "UDP"},
	Step{scene.Result{Name: "n", Kind: "run", Actor: "main", Line: 3, OK: true}},
	Global{Name: "g", Section: ".bss", TypeName: "int", Before: 0, After: 1, Changed: true, Text: "not sent"},
	Entries{
		Map: "m", Truncated: true, Zero: 2,
		Entries: []Entry{{Key: 1, Value: 2, KeyText: "not", ValueText: "sent"}, {Key: 1, PerCPU: []any{1, 2}}},
	},
	Log{From: "verifier", Program: "p", Text: "line\n", Truncated: true},
	Lost{Map: "m", Count: 1 << 63},
	Stats{Program: "p", Runs: 1, Nanoseconds: 2},
	End{State: Done, Seconds: 1.5, Message: "m", Program: "p", Errno: "EPERM", Feature: "f", Since: "6.6", Kernel: "7.2.12"},
}

func TestEventJSON(t *testing.T) {
	var out bytes.Buffer
	for i, body := range events {
		label := ""
		if i%2 == 1 {
			label = "6.1"
		}
		line, err := json.Marshal(Event{Seq: i + 1, At: float64(i) / 8, Kernel: label, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
		holdEvent(t, line, i+1, body.EventType())
	}
	const path = "testdata/events.golden"
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}

// holdEvent holds a line to the promises of the stream: one object with seq,
// at and type, and no key twice.
func holdEvent(t *testing.T, line []byte, seq int, eventType string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(line))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]json.RawMessage)
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if _, twice := seen[key.(string)]; twice {
			t.Errorf("%s has the key %s twice: %s", eventType, key, line)
		}
		seen[key.(string)] = value
	}
	var head struct {
		Seq  int
		At   *float64
		Type string
	}
	if err := json.Unmarshal(line, &head); err != nil || head.Seq != seq || head.At == nil || head.Type != eventType {
		t.Errorf("%s (%v)", line, err)
	}
}

func TestEventWithoutBody(t *testing.T) {
	if _, err := json.Marshal(Event{Seq: 1}); err == nil {
		t.Error("an event without a body was encoded")
	}
}
