package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/source"
)

// noMachines fails with what getting a machine may fail with.
type noMachines struct{ err error }

func (n noMachines) Get(context.Context, *kernel.Kernel) (*machine.Machine, error) { return nil, n.err }

// That there is no machine is never the program's fault.
func TestNoMachine(t *testing.T) {
	data, err := os.ReadFile("testdata/sample.bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	program, err := source.New("sample.bpf.o", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{
		errors.New("no disk"), fmt.Errorf("boot a machine: %w", context.DeadlineExceeded),
		&machine.DiedError{Console: "Kernel panic - not syncing: x", Cause: errors.New("EOF")},
	} {
		r := Runner{Machines: noMachines{cause}}
		end := r.Run(t.Context(), Request{Program: program, Kernel: &kernel.Kernel{}}, func(Event) {})
		if end.State != OurFault || end.ExitCode() != ExitOurs {
			t.Errorf("%v: %+v", cause, end)
		}
	}
}
