// Package run is one run: a program on one kernel with one scene, as an
// ordered stream of typed events. The command line prints the stream; there is
// no second way for a result to travel.
package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/skep-dev/skep/internal/scene"
)

// An Event is one thing that happened in a run. As JSON it is one object: seq,
// at and type, then the fields of its body. Readers ignore unknown fields.
type Event struct {
	Seq int     // from 1
	At  float64 // seconds since the run began
	// Kernel is the series that this run is on, where several runs share a
	// stream.
	Kernel string
	Body   Body
}

// A Body is what is particular to one type of event.
type Body interface {
	// EventType is the "type" of the JSON object.
	EventType() string
}

// Stage says that a part of the run begins or ends.
type Stage struct {
	Name    string  `json:"name"`  // compile, machine, load, attach, scene, drain
	State   string  `json:"state"` // begin, end
	Seconds float64 `json:"seconds,omitempty"`
	Note    string  `json:"note,omitempty"` // such as "cached"
}

// Diagnostic is what the compiler has to say about the source.
type Diagnostic struct {
	File      string       `json:"file"`
	Line      int          `json:"line"` // from 1, as columns, which count bytes
	Column    int          `json:"column"`
	EndLine   int          `json:"end_line,omitempty"`
	EndColumn int          `json:"end_column,omitempty"` // first byte behind
	Severity  string       `json:"severity"`             // error, warning, note
	Message   string       `json:"message"`
	Fixes     []Fix        `json:"fixes,omitempty"`
	Notes     []Diagnostic `json:"notes,omitempty"`
}

// Fix replaces a range of the source.
type Fix struct {
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text"`
}

// Program is one program of the object as the kernel took it.
type Program struct {
	Name         string  `json:"name"`
	Section      string  `json:"section"`
	ProgramType  string  `json:"program_type"`
	Loaded       bool    `json:"loaded"`
	Instructions int     `json:"instructions"`
	Verified     uint32  `json:"verified_instructions,omitempty"`
	States       string  `json:"states,omitempty"`
	Seconds      float64 `json:"seconds,omitempty"`
	JITedBytes   uint32  `json:"jited_bytes,omitempty"`
	Error        string  `json:"error,omitempty"`
}

// Map is one map of the object.
type Map struct {
	Name       string `json:"name"`
	MapType    string `json:"map_type"`
	KeyType    string `json:"key_type,omitempty"`
	ValueType  string `json:"value_type,omitempty"`
	KeySize    uint32 `json:"key_size"`
	ValueSize  uint32 `json:"value_size"`
	MaxEntries uint32 `json:"max_entries"`
}

// Attach says where a program was attached, or why not.
type Attach struct {
	Program string `json:"program"`
	To      string `json:"to"`
	How     string `json:"how"`
	Error   string `json:"error,omitempty"`
}

// Record is a record that a program sent through a ring or perf buffer; its
// type is "event".
type Record struct {
	Map        string   `json:"map"`
	Program    string   `json:"program,omitempty"` // if only one writes to the map
	CPU        int      `json:"cpu"`               // -1: unknown
	Nano       uint64   `json:"nanoseconds"`       // the guest's monotonic clock when it was read
	TypeName   string   `json:"type_name,omitempty"`
	Candidates []string `json:"candidates,omitempty"` // where the type could not be known
	Value      any      `json:"value,omitempty"`
	Bytes      []byte   `json:"bytes"`
	Text       string   `json:"-"` // Value for people
	Fields     []Field  `json:"-"` // of a struct, for people
}

// Field is one member of a struct as text.
type Field struct{ Name, Text string }

// Step is what one step of the scene saw.
type Step struct{ scene.Result }

// Show is a SHOW of skep.h, Submit a SUBMIT.
type Show struct {
	Submitted  bool   `json:"-"`
	Line       int    `json:"line"`
	Column     int    `json:"column,omitempty"`
	Expression string `json:"expression"`
	TypeName   string `json:"type_name,omitempty"`
	Value      any    `json:"value,omitempty"`
	Bytes      []byte `json:"bytes"`
	Error      string `json:"error,omitempty"` // the memory could not be read
	Text       string `json:"-"`
}

// Trace is one line of bpf_printk.
type Trace struct {
	CPU     int    `json:"cpu"`
	Process string `json:"process"`
	PID     int    `json:"pid"`
	Text    string `json:"text"`
}

// Packet is one frame seen at an end of the veth pair.
type Packet struct {
	Where     string `json:"where"`
	Direction string `json:"direction"`
	Bytes     []byte `json:"bytes"`
	Length    int    `json:"length"` // of the frame, of which Bytes may be the beginning
	Summary   string `json:"summary"`
}

// Global is a global variable that changed, or was set.
type Global struct {
	Name     string `json:"name"`
	Section  string `json:"section"`
	TypeName string `json:"type_name"`
	Before   any    `json:"before"`
	After    any    `json:"after"`
	Changed  bool   `json:"changed"`
	Text     string `json:"-"` // before → after for people
}

// Entries are a map's contents at the end.
type Entries struct {
	Map       string  `json:"map"`
	Entries   []Entry `json:"entries"`
	Truncated bool    `json:"truncated,omitempty"`
	Zero      int     `json:"zero,omitempty"` // elements of an array left out because every byte is zero
}

// Entry is one element of a map.
type Entry struct {
	Key       any    `json:"key"`
	Value     any    `json:"value,omitempty"`
	PerCPU    []any  `json:"per_cpu,omitempty"`
	KeyText   string `json:"-"`
	ValueText string `json:"-"`
}

// Log is text from the verifier, the kernel, an iterator, the loader.
type Log struct {
	From      string `json:"from"`
	Program   string `json:"program,omitempty"`
	Text      string `json:"text"`
	Truncated bool   `json:"truncated,omitempty"`
}

// Lost counts records that a buffer had no room for.
type Lost struct {
	Map   string `json:"map"`
	Count uint64 `json:"count"`
}

// Stats are the kernel's own figures of a program.
type Stats struct {
	Program     string `json:"program"`
	Runs        uint64 `json:"runs"`
	Nanoseconds uint64 `json:"nanoseconds"`
}

// End is the last event of every run.
type End struct {
	State   State   `json:"state"`
	Seconds float64 `json:"seconds"`
	Message string  `json:"message,omitempty"`
	Program string  `json:"program,omitempty"` // program or map concerned
	Errno   string  `json:"errno,omitempty"`
	Feature string  `json:"feature,omitempty"` // what this kernel lacks
	Since   string  `json:"since,omitempty"`   // the version that has it
	Kernel  string  `json:"release,omitempty"` // of the kernel
	// Usage says that an option which is about the program is at fault: a
	// variable to set or a type that it does not have, no macro.
	Usage bool `json:"usage,omitempty"`
}

// ExitCode is what a command exits with after a run that ended so.
func (e End) ExitCode() int {
	if e.Usage {
		return ExitUsage
	}
	return e.State.ExitCode()
}

func (Stage) EventType() string      { return "stage" }
func (Diagnostic) EventType() string { return "diagnostic" }
func (Program) EventType() string    { return "program" }
func (Map) EventType() string        { return "map" }
func (Attach) EventType() string     { return "attach" }
func (Record) EventType() string     { return "event" }
func (Trace) EventType() string      { return "trace" }
func (Packet) EventType() string     { return "packet" }
func (Step) EventType() string       { return "step" }
func (Global) EventType() string     { return "global" }
func (Entries) EventType() string    { return "entries" }
func (Log) EventType() string        { return "log" }
func (Lost) EventType() string       { return "lost" }
func (Stats) EventType() string      { return "stats" }
func (End) EventType() string        { return "end" }

// EventType tells SHOW and SUBMIT apart.
func (s Show) EventType() string {
	if s.Submitted {
		return "submit"
	}
	return "show"
}

// MarshalJSON writes the event as one flat object.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, errors.New("an event without a body")
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false) // it is for people, too
	if err := encoder.Encode(e.Body); err != nil {
		return nil, fmt.Errorf("encode %s event: %w", e.Body.EventType(), err)
	}
	body := bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	head := fmt.Appendf(nil, `{"seq":%d,"at":%.6f,"type":%q`, e.Seq, e.At, e.Body.EventType())
	if e.Kernel != "" {
		head = fmt.Appendf(head, `,"kernel":%q`, e.Kernel)
	}
	if !bytes.Equal(body, []byte("{}")) {
		head = append(head, ',')
	}
	return append(head, body[1:]...), nil
}
