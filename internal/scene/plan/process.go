package plan

import "fmt"

var (
	_ = kind[Signal]("signal")
	_ = kind[Sleep]("sleep")
)

// Signal sends a signal to an actor, a started program of the same actor, or
// a process id. Without any: to the actor itself.
type Signal struct {
	Signal  string `json:"signal" scene:"required,short,max=16"` // TERM, SIGTERM or a number
	Actor   string `json:"actor,omitempty" scene:"name"`
	Command string `json:"command,omitempty" scene:"name"`
	PID     int    `json:"pid,omitempty" scene:"min=1,max=4194304"`
}

// Check implements Checker.
func (s *Signal) Check() error {
	given := 0
	for _, is := range []bool{s.Actor != "", s.Command != "", s.PID != 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return fmt.Errorf("actor, command and pid exclude each other")
	}
	return nil
}

// Sleep waits.
type Sleep struct {
	For Seconds `json:"for" scene:"required,short"`
}
