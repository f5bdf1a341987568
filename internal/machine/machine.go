// Package machine runs throw-away microVMs: it boots one per kernel, saves it
// once it is warm, and gives every run a clone of its own.
package machine

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

// Memory is what every machine has. Stock 7.x kernels do not boot with less
// than 112 MiB.
const Memory = 128 << 20

// An Engine starts virtual machines. QEMU is one; whatever can boot a Linux
// kernel, save it and start it again fits.
type Engine interface {
	// Identity names engine, version, accelerator and processor model: all
	// that a snapshot depends on besides kernel and initramfs.
	Identity() string
	// Boot starts a machine from a kernel. Its memory can be saved.
	Boot(ctx context.Context, image Image) (VM, error)
	// Restore starts a clone of a snapshot, paused.
	Restore(ctx context.Context, snapshot *Snapshot) (VM, error)
}

// A VM is one virtual machine. What it reads and writes is the guest's end of
// the channel, and hostile.
type VM interface {
	io.ReadWriter
	// SetDeadline bounds Read and Write, as net.Conn's does.
	SetDeadline(time.Time) error
	// Save writes memory and device state of a booted machine, which is of
	// no use afterwards.
	Save(ctx context.Context, ram, state *os.File) error
	// Resume lets a paused machine run, Pause stops it between two
	// instructions.
	Resume(ctx context.Context) error
	Pause(ctx context.Context) error
	// Console is the end of what the kernel wrote on its serial line; after
	// Close, nothing of it is still on its way.
	Console() string
	// PID is the process on the host, for measuring.
	PID() int
	// Close kills the machine and waits until nothing of it is left.
	Close() error
}

// An Image is what a machine boots from.
type Image struct {
	VMLinux   string // uncompressed ELF kernel, or bzImage
	Initramfs string // uncompressed cpio archive
	Console   bool   // the kernel may talk on the console while it boots
}

// ErrDied is wrapped by errors about a machine that went away by itself.
var ErrDied = errors.New("the machine died")

// DiedError says what a dead machine's kernel said last.
type DiedError struct {
	Console string // the end of the serial log
	Cause   error
}

func (e *DiedError) Error() string {
	text := ErrDied.Error() + ": " + e.Cause.Error()
	if lines := strings.Split(strings.TrimSpace(e.Console), "\n"); lines[len(lines)-1] != "" {
		text += " (its last words: " + strings.TrimSpace(lines[len(lines)-1]) + ")"
	}
	return text
}

// Unwrap makes errors.Is(err, ErrDied) true.
func (e *DiedError) Unwrap() []error { return []error{ErrDied, e.Cause} }
