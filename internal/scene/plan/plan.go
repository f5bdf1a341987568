// Package plan holds a scene whose variables have been drawn: what travels to
// the guest, and what comes back. It knows neither YAML nor how steps are
// performed, so that the guest stays small.
package plan

import "encoding/json"

// Limits of one plan. They bound what a scene can ask for, whoever wrote it;
// the run's own deadline bounds how long it takes.
const (
	MaxActors    = 16
	MaxSteps     = 1000      // setup and steps, members of groups included
	MaxParallel  = 64        // members of one group
	MaxLanes     = 8         // members of one group that the same actor performs
	MaxRepeat    = 100_000   // of one step
	MaxPerformed = 1_000_000 // all steps times their repeats
	MaxName      = 64        // bytes in a name
	MaxText      = 64 << 10  // bytes in one string
	MaxBytes     = 1 << 20   // bytes of a plan as JSON
	MaxOutput    = 64 << 10  // bytes that one result keeps of each stream
	MaxPackets   = 256       // frames that one result keeps
)

// Times in seconds.
const (
	DefaultTimeout = 10
	MaxTimeout     = 600
)

// A Plan is a scene whose variables have been drawn: concrete steps, ready for
// the guest. It travels to the guest as JSON.
type Plan struct {
	// Actors are the processes that live for the whole scene. A step names
	// the actor that performs it; the first one is the default. They exist
	// before the program is loaded, so that their process ids can be put
	// into global variables. Without any there is one, named main.
	Actors []Actor `json:"actors,omitempty"`
	// Setup runs before the program is attached: its noise is not traced.
	Setup []Step `json:"setup,omitempty"`
	// Steps run in order while the program is attached.
	Steps []Step `json:"steps,omitempty"`
}

// DefaultActor performs the steps of a plan that names no actors.
const DefaultActor = "main"

// An Actor is one process of the scene.
type Actor struct {
	Name string `json:"name" scene:"required,name,short"`
	// Comm is the name of its threads in the kernel, at most 15 bytes. Empty:
	// the actor's name.
	Comm string `json:"comm,omitempty" scene:"max=15"`
	// User is an account of the guest; UID and GID are numbers. Without any
	// of them the actor is root.
	User string `json:"user,omitempty" scene:"max=64"`
	UID  *int   `json:"uid,omitempty" scene:"min=0,max=4294967294"`
	GID  *int   `json:"gid,omitempty" scene:"min=0,max=4294967294"`
	// Cgroup is a path below the cgroup2 root, made for the scene. Empty:
	// the guest's own.
	Cgroup string `json:"cgroup,omitempty" scene:"max=255"`
	// Netns is the network namespace in which the actor lives.
	Netns string `json:"netns,omitempty" scene:"max=64"`
}

// A Step is one thing that an actor does, or a group of such at the same time.
type Step struct {
	Name  string `json:"name,omitempty" scene:"max=64"`
	Actor string `json:"actor,omitempty" scene:"name"`
	// Netns is a network namespace that is entered for this step. Only a
	// privileged actor may.
	Netns   string  `json:"netns,omitempty" scene:"max=64"`
	Repeat  int     `json:"repeat,omitempty" scene:"min=1,max=100000"`
	Timeout Seconds `json:"timeout,omitempty" scene:"max=600"`
	Expect  *Expect `json:"expect,omitempty"`
	// Parallel are the members of a group; then Kind is empty.
	Parallel []Step `json:"parallel,omitempty" scene:"-"`

	Kind string          `json:"kind,omitempty" scene:"-"`
	Args json.RawMessage `json:"args,omitempty" scene:"-"` // in the shape that Kinds has for Kind
	Line int             `json:"line,omitempty" scene:"-"` // in the scene's text
}

// Expect is what a step should see. What is absent must be as in a step that
// went well: no errno, exit code 0, no signal. Bytes and packets are compared
// only where they are given.
type Expect struct {
	Errno  string `json:"errno,omitempty" scene:"max=32"` // by name; "any": some errno
	Exit   *int   `json:"exit,omitempty" scene:"min=0,max=255"`
	Signal string `json:"signal,omitempty" scene:"max=16"`
	// Bytes is the number of bytes that moved; Text and Hex are exactly those
	// received, read or printed; Contains is a part of them.
	Bytes    *int    `json:"bytes,omitempty" scene:"min=0"`
	Text     *string `json:"text,omitempty"`
	Hex      *Hex    `json:"hex,omitempty"`
	Contains string  `json:"contains,omitempty"`
	Packets  *int    `json:"packets,omitempty" scene:"min=0"` // at least so many
	// Anything takes whatever happens.
	Anything bool `json:"anything,omitempty"`
}

// A Result is what one step saw. For a step that repeats, Times and Failed
// count; the rest is the first failure's, or the last time's.
type Result struct {
	Name  string `json:"name"`
	Kind  string `json:"kind,omitempty"`
	Actor string `json:"actor,omitempty"`
	Line  int    `json:"line,omitempty"`
	Setup bool   `json:"setup,omitempty"`

	OK bool `json:"ok"`
	// Error says which expectation was not met, or why the step could not
	// run, in a sentence.
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
	Times   int     `json:"times,omitempty"`
	Failed  int     `json:"failed,omitempty"`

	Errno  string `json:"errno,omitempty"`  // ENOENT and so on
	Exit   *int   `json:"exit,omitempty"`   // of a command that ended by itself
	Signal string `json:"signal,omitempty"` // that ended a command or an actor

	Count     int    `json:"count,omitempty"` // bytes that moved, also those not kept
	Bytes     []byte `json:"bytes,omitempty"` // read, received or printed
	Stderr    []byte `json:"stderr,omitempty"`
	Truncated bool   `json:"truncated,omitempty"` // some were not kept

	PID     int      `json:"pid,omitempty"`     // of a command
	Port    int      `json:"port,omitempty"`    // bound
	Address string   `json:"address,omitempty"` // of the other side
	File    *File    `json:"file,omitempty"`
	Packets []Packet `json:"packets,omitempty"`
	// PacketCount counts also those not kept.
	PacketCount int `json:"packet_count,omitempty"`
}

// File is what stat saw.
type File struct {
	Mode  uint32 `json:"mode"` // type and permissions, as st_mode
	Size  int64  `json:"size"` // bytes
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Links uint64 `json:"links"`
	Inode uint64 `json:"inode"`
}

// Packet is one frame seen at an interface.
type Packet struct {
	Direction string `json:"direction"` // in, out
	Bytes     []byte `json:"bytes"`     // from the Ethernet header on
	Length    int    `json:"length"`    // on the wire
}
