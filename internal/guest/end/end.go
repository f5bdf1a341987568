// Package end carries the typed end of a run from the place inside the guest
// that found it to the one that reports it.
package end

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/wire"
)

// An Error ends a run in one of the states of package wire.
type Error struct {
	wire.End
	// Cause is what the kernel or the library said. It may be nil.
	Cause error
}

// New makes an Error whose sentence is formatted.
func New(state string, cause error, format string, arguments ...any) *Error {
	return &Error{
		End:   wire.End{State: state, Message: fmt.Sprintf(format, arguments...), Errno: Errno(cause)},
		Cause: cause,
	}
}

// Of names the program or map concerned.
func (e *Error) Of(name string) *Error {
	e.Program = name
	return e
}

// Lacking names what this kernel lacks and the version that has it.
func (e *Error) Lacking(name, since string) *Error {
	e.Feature, e.Since = name, since
	return e
}

func (e *Error) Error() string { return e.State + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// From gives the end that err stands for. An error without a type is a fault
// of ours.
func From(err error) wire.End {
	if typed, ok := errors.AsType[*Error](err); ok {
		return typed.End
	}
	return wire.End{State: wire.StateOurFault, Message: err.Error(), Errno: Errno(err)}
}

// Errno gives the name of the system call error in err's chain, or nothing.
func Errno(err error) string {
	if number, ok := errors.AsType[unix.Errno](err); ok {
		if name := unix.ErrnoName(number); name != "" {
			return name
		}
		// ENOTSUPP is the kernel's own; it has no name in user space.
		if number == 524 {
			return "ENOTSUPP"
		}
	}
	return ""
}
