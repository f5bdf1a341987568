// Package scene describes what happens in a machine while a program is
// attached: a workload as data.
package scene

// A Plan is a scene whose variables have been drawn: concrete steps, ready for
// the guest. It travels to the guest as JSON.
type Plan struct {
	// Actors are the processes that live for the whole scene. A step names
	// the actor that performs it; the first one is the default. They exist
	// before the program is loaded, so that their process ids can be put
	// into global variables.
	Actors []Actor `json:"actors,omitempty"`
	// Setup runs before the program is attached: its noise is not traced.
	Setup []Step `json:"setup,omitempty"`
	// Steps run in order while the program is attached.
	Steps []Step `json:"steps,omitempty"`
}

// An Actor is one process of the scene.
type Actor struct {
	Name string `json:"name"`
}

// A Step is one thing that an actor does.
type Step struct {
	Name string `json:"name,omitempty"`
}

// A Result is what one step saw.
type Result struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}
