package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/object"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/source"
	"github.com/skep-dev/skep/internal/wire"
)

// Machines hands out machines, each for one run. The taker closes it.
type Machines interface {
	Get(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error)
}

// A Runner runs programs.
type Runner struct {
	// Compiler turns C into objects. May be nil if only objects are run.
	Compiler *compile.Compiler
	Machines Machines
}

// A Request says what to run.
type Request struct {
	Program source.Program
	Kernel  *kernel.Kernel
	Scene   scene.Plan
	// Set are global variables to set before load: name to text.
	Set map[string]string
	// EventTypes name the type of a map's records where the object does not
	// tell. The key "" stands for every map.
	EventTypes map[string]string
	// AttachTo overrides where programs attach: name to target.
	AttachTo map[string]string
	// Defines are macros as in -D.
	Defines []string
	// For is how long the program stays attached. 0: until the scene has
	// ended.
	For time.Duration
	// Deadline bounds everything after the machine is there. 0: For and
	// 30 seconds.
	Deadline time.Duration
	// LoadOnly neither attaches nor runs anything.
	LoadOnly bool
	// VerifierLog asks for the log also of programs that load.
	VerifierLog bool
	// Limits bound what the guest may send.
	Limits wire.Limits
	// Label is put into every event's Kernel.
	Label string
}

const (
	defaultDeadline = 30 * time.Second
	grace           = 2 * time.Second
)

// Run runs a program and passes the stream to emit, from one goroutine at a
// time. The last event is the End that it returns.
func (r *Runner) Run(ctx context.Context, request Request, emit func(Event)) End {
	s := newStream(request.Label, emit)
	end := r.run(ctx, s, request)
	end.Kernel = request.Kernel.Release
	end.Seconds = s.seconds()
	s.emit(end)
	return end
}

func (r *Runner) run(ctx context.Context, s *stream, request Request) End {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if request.Program.Language == source.Object { // reading it takes no time
		p, end := r.object(ctx, s, request)
		if end != nil {
			return *end
		}
		return r.withMachine(ctx, s, request, p, r.acquire(ctx, s, request))
	}
	acquired := r.acquire(ctx, s, request) // while the compiler works
	p, end := r.object(ctx, s, request)
	if end != nil {
		cancel()
		if got := <-acquired; got.machine != nil {
			_ = got.machine.Close()
		}
		return *end
	}
	return r.withMachine(ctx, s, request, p, acquired)
}

// acquisition is what came of asking for a machine.
type acquisition struct {
	machine *machine.Machine
	seconds float64
	err     error
}

func (r *Runner) acquire(ctx context.Context, s *stream, request Request) <-chan acquisition {
	acquired := make(chan acquisition, 1)
	s.emit(Stage{Name: "machine", State: "begin"})
	began := time.Now()
	go func() {
		m, err := r.Machines.Get(ctx, request.Kernel)
		acquired <- acquisition{m, time.Since(began).Seconds(), err}
	}()
	return acquired
}

func (r *Runner) withMachine(ctx context.Context, s *stream, request Request, p *program, acquired <-chan acquisition) End {
	got := <-acquired
	s.emit(Stage{Name: "machine", State: "end", Seconds: got.seconds})
	if got.err != nil {
		end := endOf(ctx, got.err, "get a machine")
		if end.State == TimedOut { // the program has not even begun
			end.State = OurFault
		}
		return end
	}
	defer got.machine.Close()
	return r.inMachine(ctx, s, request, p, got.machine)
}

// object compiles the source, or takes the object as it is, and reads it.
func (r *Runner) object(ctx context.Context, s *stream, request Request) (*program, *End) {
	data := request.Program.Text
	if request.Program.Language == source.C {
		compiled, end := r.compile(ctx, s, request)
		if end != nil {
			return nil, end
		}
		data = compiled
	}
	o, err := object.Read(data)
	if err != nil {
		return nil, &End{State: BadObject, Message: sentence(request.Program.Name, err)}
	}
	stripped, err := object.Strip(data)
	if err != nil {
		return nil, &End{State: BadObject, Message: sentence(request.Program.Name, err)}
	}
	if !o.HasBTF {
		s.emit(Diagnostic{
			File: request.Program.Name, Severity: "warning",
			Message: "the object has no BTF, so values are shown as bytes: compile with clang -O2 -g",
		})
	}
	p, err := newProgram(o, stripped, request)
	if err != nil {
		return nil, &End{State: BadObject, Message: sentence(request.Program.Name, err), Usage: true}
	}
	return p, nil
}

func (r *Runner) compile(ctx context.Context, s *stream, request Request) ([]byte, *End) {
	if r.Compiler == nil {
		return nil, &End{State: OurFault, Message: "no compiler was set up"}
	}
	done := s.stage("compile")
	result, err := r.Compiler.Compile(ctx, compile.Request{
		Name:    request.Program.Name,
		Source:  request.Program.Text,
		Kernel:  compile.Kernel{ID: request.Kernel.ID(), BTF: request.Kernel.BTFSpec},
		Defines: request.Defines,
	})
	if err != nil {
		done("")
		if errors.Is(err, compile.ErrSourceTooLarge) || errors.Is(err, compile.ErrDefine) || errors.Is(err, compile.ErrName) {
			return nil, &End{State: CompileError, Message: err.Error(), Usage: errors.Is(err, compile.ErrDefine)}
		}
		end := endOf(ctx, err, "compile")
		return nil, &end
	}
	note := ""
	if result.Cached {
		note = "cached"
	}
	done(note)
	errorCount := 0
	for _, d := range result.Diagnostics {
		if d.Severity == compile.Error {
			errorCount++
		}
		s.emit(diagnostic(d))
	}
	if result.Object == nil {
		return nil, &End{State: CompileError, Message: fmt.Sprintf("%s does not compile: %s", request.Program.Name, count(errorCount, "error"))}
	}
	return result.Object, nil
}

// inMachine sends the program into the machine and turns what comes back into
// events.
func (r *Runner) inMachine(ctx context.Context, s *stream, request Request, p *program, m *machine.Machine) End {
	deadline := request.Deadline
	if deadline == 0 {
		deadline = request.For + defaultDeadline
	}
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, errDeadline)
	defer cancel()
	t := &translator{stream: s, program: p, request: request, console: m.Console}
	end, err := m.Run(ctx, wire.Run{
		LoadOnly:    request.LoadOnly,
		Set:         p.set,
		AttachTo:    request.AttachTo,
		Scene:       request.Scene,
		Seconds:     request.For.Seconds(),
		VerifierLog: request.VerifierLog,
		Limits:      request.Limits,
	}, p.stripped, grace, t.frame)
	t.flushLog()
	switch {
	case err != nil:
		return t.endOf(ctx, err)
	case ctx.Err() == nil || !cutShort[end.State]:
		return guestEnd(end)
	case errors.Is(context.Cause(ctx), errDeadline):
		return End{State: TimedOut, Message: fmt.Sprintf("the run was ended after %v; what was gathered is shown", deadline)}
	}
	return End{State: Cancelled, Message: "the run was cancelled; what was gathered is shown"}
}

// cutShort are the ends that the guest reports when it is told to stop: while
// it still prepares the scene, that is what fails.
var cutShort = map[string]bool{wire.StateCancelled: true, wire.StateWorkloadFailed: true}

var errDeadline = errors.New("the run took too long")

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
