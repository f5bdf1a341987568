package wire

import "github.com/skep-dev/skep/internal/scene/plan"

// A Kind says what a frame carries.
type Kind uint8

// Host to guest.
const (
	KindPing   Kind = 'P' // any payload; answered by KindPong with the same bytes
	KindWake   Kind = 'W' // binary: see Wake; no answer
	KindRun    Kind = 'R' // Run (JSON), then the object: see MarshalRun
	KindCancel Kind = 'C' // end the scene now, drain and report
)

// Guest to host. All payloads are JSON except KindEvent's.
const (
	KindHello   Kind = 'H' // Hello, once, when the guest is warm
	KindPong    Kind = 'p'
	KindStage   Kind = 's' // Stage
	KindProgram Kind = 'g' // Program
	KindMap     Kind = 'm' // Map; the n-th one describes map index n-1
	KindAttach  Kind = 'a' // Attach
	KindEvent   Kind = 'e' // binary: see Event
	KindTrace   Kind = 't' // Trace
	KindPacket  Kind = 'k' // Packet
	KindStep    Kind = 'x' // plan.Result
	KindGlobal  Kind = 'v' // Global
	KindEntries Kind = 'n' // Entries
	KindLog     Kind = 'l' // Log
	KindLost    Kind = 'o' // Lost
	KindStats   Kind = 'c' // Stats
	KindEnd     Kind = 'E' // End, once, last
)

// Hello is the guest's first message.
type Hello struct {
	Release string   `json:"release"`          // uname -r
	Modules int      `json:"modules"`          // loaded
	Errors  []string `json:"errors,omitempty"` // mounts and modules that failed
	Seconds float64  `json:"seconds"`          // since the kernel started
}

// Wake makes a restored clone unlike its siblings. As a frame: the wall clock
// in nanoseconds since 1970 as u64 in little-endian order, then the entropy.
// It is the first thing that a cold clone does, so it is not JSON.
type Wake struct {
	UnixNano int64
	Entropy  []byte // at least 32 bytes for the kernel's pool
}

// Run asks for one run of an object.
type Run struct {
	// LoadOnly stops after loading: nothing attaches, nothing runs.
	LoadOnly bool `json:"load_only,omitempty"`
	// Set are global variables to set before load.
	Set []SetGlobal `json:"set,omitempty"`
	// AttachTo overrides where a program attaches: program name to target,
	// in the words of its section's part after the first slash, or an
	// interface name.
	AttachTo map[string]string `json:"attach_to,omitempty"`
	// Scene is what happens while the program is attached.
	Scene plan.Plan `json:"scene"`
	// Seconds is how long the program stays attached. 0: until the scene
	// has ended and the buffers are drained.
	Seconds float64 `json:"seconds,omitempty"`
	// VerifierLog asks for the whole log also of programs that load.
	VerifierLog bool `json:"verifier_log,omitempty"`
	// Quiet drops everything but the end: preheating.
	Quiet bool `json:"quiet,omitempty"`

	Limits Limits `json:"limits"`
}

// Limits bound what a run may send. Zero means the guest's default.
type Limits struct {
	Events     int `json:"events,omitempty"`      // records from ring and perf buffers
	EventBytes int `json:"event_bytes,omitempty"` // their sum
	TraceLines int `json:"trace_lines,omitempty"`
	LogBytes   int `json:"log_bytes,omitempty"` // each log
	Entries    int `json:"entries,omitempty"`   // per map
}

// SetGlobal sets one global variable: to bytes, or to the process id of an
// actor of the scene.
type SetGlobal struct {
	Variable string `json:"variable"`
	Value    []byte `json:"value,omitempty"` // in the target's byte order, as long as the variable
	ActorPID string `json:"actor_pid,omitempty"`
}

// Stage says that a stage begins or ends.
type Stage struct {
	Name    string  `json:"name"`  // load, attach, scene, drain
	State   string  `json:"state"` // begin, end
	Seconds float64 `json:"seconds,omitempty"`
}

// Program describes one program of the object as the kernel took it.
type Program struct {
	Name         string  `json:"name"`
	Section      string  `json:"section"`
	Type         string  `json:"type"`
	Loaded       bool    `json:"loaded"`
	Instructions int     `json:"instructions"`                    // in the object
	Verified     uint32  `json:"verified_instructions,omitempty"` // processed by the verifier
	States       string  `json:"states,omitempty"`                // "total_states 12 peak_states 12 ..." as the log's last lines say
	JITed        uint32  `json:"jited_bytes,omitempty"`
	Seconds      float64 `json:"seconds,omitempty"` // the load of this program
	Error        string  `json:"error,omitempty"`   // why it was not loaded
}

// Map describes one map.
type Map struct {
	Name       string `json:"name"`
	Type       string `json:"type"` // as cilium/ebpf names it
	KeySize    uint32 `json:"key_size"`
	ValueSize  uint32 `json:"value_size"`
	MaxEntries uint32 `json:"max_entries"`
	Flags      uint32 `json:"flags,omitempty"`
}

// Attach says where a program was attached, or why it was not.
type Attach struct {
	Program string `json:"program"`
	To      string `json:"to"`
	How     string `json:"how"`
	Error   string `json:"error,omitempty"`
}

// An Event is one record of a ring buffer or perf event array. As a frame:
// map index u32, cpu u32, guest's monotonic clock in nanoseconds u64 (all
// little endian), then the record.
type Event struct {
	Map  uint32
	CPU  uint32 // of perf buffers; ^0 where unknown
	Nano uint64
	Data []byte
}

// Trace is one line of trace_pipe.
type Trace struct {
	CPU     int     `json:"cpu"`
	Process string  `json:"process"`
	PID     int     `json:"pid"`
	Time    float64 `json:"time"` // seconds of the guest's clock
	Text    string  `json:"text"`
}

// Packet is one frame seen at an end of the veth pair.
type Packet struct {
	Where     string `json:"where"`     // interface
	Direction string `json:"direction"` // in, out
	Bytes     []byte `json:"bytes"`
	Length    int    `json:"length"` // of the frame, of which Bytes may be the beginning
}

// Global holds a data section before load and at the end.
type Global struct {
	Section string `json:"section"` // .data, .bss, .rodata and variants
	Before  []byte `json:"before"`
	After   []byte `json:"after"`
}

// Entries are a map's contents at the end of the run.
type Entries struct {
	Map       string  `json:"map"`
	Entries   []Entry `json:"entries"`
	Truncated bool    `json:"truncated,omitempty"`
	// Zero counts the elements of an array that are left out because every
	// byte of them is zero.
	Zero int `json:"zero,omitempty"`
}

// Entry is one element. Per-CPU maps have one value for each CPU.
type Entry struct {
	Key    []byte   `json:"key"`
	Value  []byte   `json:"value,omitempty"`
	PerCPU [][]byte `json:"per_cpu,omitempty"`
}

// Log is text from the verifier, the kernel, an iterator or the loader.
type Log struct {
	From      string `json:"from"` // verifier, kernel, iterator, loader
	Program   string `json:"program,omitempty"`
	Text      string `json:"text"`
	Truncated bool   `json:"truncated,omitempty"`
	// More says that the next log of the same origin and program goes on
	// where this one ends: long texts come in parts.
	More bool `json:"more,omitempty"`
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
	Recursion   uint64 `json:"recursion_misses,omitempty"`
}

// States in which the guest's part of a run can end. The host adds its own.
const (
	StateDone           = "done"
	StateBadObject      = "bad object"
	StateMapFailed      = "map create failed"
	StateRejected       = "rejected"
	StateCannotAttach   = "cannot attach" // no such hook, hook denied
	StateUnsupported    = "unsupported on this kernel"
	StateWorkloadFailed = "workload failed"
	StateOutOfMemory    = "out of memory"
	StateTimedOut       = "timed out"
	StateOutputLimit    = "output limit"
	StateCancelled      = "cancelled"
	StateOurFault       = "our fault"
)

// End is the guest's last message.
type End struct {
	State   string `json:"state"`
	Message string `json:"message,omitempty"` // a sentence for the user
	Stage   string `json:"stage,omitempty"`
	Program string `json:"program,omitempty"` // program or map concerned
	Errno   string `json:"errno,omitempty"`   // EINVAL and so on
	Feature string `json:"feature,omitempty"` // what this kernel lacks
	Since   string `json:"since,omitempty"`   // the kernel version that has it
}
