//go:build linux

// Package guest runs one object in the machine: it loads and attaches its
// programs, lets the scene happen, and sends all that comes of it as frames.
package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/guest/attach"
	"github.com/skep-dev/skep/internal/guest/collect"
	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/load"
	"github.com/skep-dev/skep/internal/scene/plan"
	"github.com/skep-dev/skep/internal/wire"
)

// Env is what the machine offers to a run.
type Env struct {
	// Types is the process's one cache of the kernel's BTF.
	Types *btf.Cache
	// Play starts the actors of a scene. nil: there is no scene.
	Play func(plan.Plan) (Player, error)
	// Cgroup is the path of the cgroup in which the scene happens. Empty
	// means the root of the hierarchy.
	Cgroup string
	// Interface is the machine's end of the veth pair.
	Interface string
	// Packets captures at both ends of the veth pair. nil: nothing does.
	Packets *collect.Packets
}

// A Player is a scene whose actors exist.
type Player interface {
	// ActorPID gives the process id of an actor.
	ActorPID(actor string) (pid int, ok bool)
	// Setup does what comes before the program is attached.
	Setup(ctx context.Context, report func(plan.Result)) error
	// Run does the steps. An error says that the workload failed.
	Run(ctx context.Context, report func(plan.Result)) error
	// Sockets has use called for every socket that the scene opens from now
	// on, with a file descriptor of this process and "udp", "tcp" for an
	// established connection, or "listen".
	Sockets(use func(fd int, kind string) error)
	// Close ends the actors.
	Close()
}

const (
	defaultCgroup    = "/sys/fs/cgroup"
	defaultInterface = "v0"
)

// Run runs one object and reports with send, whose values are encoded before
// it returns. It does not send the end, but returns it. When ctx is cancelled
// the scene ends, and what was gathered is still drained and reported.
//
// The machine is used once, so that nothing is taken down, except after a
// quiet run: that one leaves the machine as it was.
func Run(ctx context.Context, run wire.Run, object []byte, send func(wire.Kind, any) error, env Env) wire.End {
	if env.Cgroup == "" {
		env.Cgroup = defaultCgroup
	}
	if env.Interface == "" {
		env.Interface = defaultInterface
	}
	if env.Types == nil {
		env.Types = btf.NewCache()
	}
	if run.Quiet {
		send = encodeOnly
	}
	r := &runner{ctx: ctx, run: run, env: env, sink: collect.NewSink(send, run.Limits)}
	err := r.everything(object)
	if run.Quiet {
		// Whatever the run came to: a machine that is not as it was is of no
		// use to the next one.
		if left := r.tearDown(); left != nil {
			err = fmt.Errorf("the machine could not be made as it was: %w", left)
		}
	}
	if sendErr := r.sink.Err(); sendErr != nil {
		return wire.End{State: wire.StateOurFault, Stage: r.stage, Message: fmt.Sprintf("a frame could not be sent: %v", sendErr)}
	}
	if err == nil {
		err = r.ending()
	}
	if err == nil {
		return wire.End{State: wire.StateDone}
	}
	typed := end.From(err)
	if typed.Stage == "" {
		typed.Stage = r.stage
	}
	return typed
}

// encodeOnly is the send of quiet runs: their reports go nowhere, but how each
// is encoded is found out, and remembered, before the snapshot.
func encodeOnly(_ wire.Kind, v any) error {
	_, err := json.Marshal(v)
	return err
}

type runner struct {
	ctx  context.Context
	run  wire.Run
	env  Env
	sink *collect.Sink

	stage    string
	object   *load.Object
	loader   *load.Loader
	player   Player
	attached []attach.Attached
	// attachedPrograms names the program of each element of attached.
	attachedPrograms []string
	// probes counts USDT probes.
	probes  int
	buffers *collect.Buffers
	tracer  *collect.Tracer
	before  map[string][]byte
}

// everything goes through the stages. An error ends the run; what follows the
// scene is done in any case.
func (r *runner) everything(object []byte) error {
	if err := r.in("load", func() error { return r.load(object) }); err != nil || r.run.LoadOnly {
		return err
	}
	err := r.in("attach", r.attach)
	if err == nil {
		err = r.in("scene", r.scene)
	}
	r.stage = "drain"
	_ = r.staged("drain", func() error { r.drain(); return nil })
	return err
}

// in runs a stage and leaves its name in r.stage if it fails.
func (r *runner) in(name string, do func() error) error {
	r.stage = name
	err := r.staged(name, do)
	if typed, ok := errors.AsType[*end.Error](err); ok && typed.Stage == "" {
		typed.Stage = name
	}
	return err
}

func (r *runner) staged(name string, do func() error) error {
	begin := time.Now()
	r.sink.Send(wire.KindStage, wire.Stage{Name: name, State: "begin"})
	err := do()
	r.sink.Send(wire.KindStage, wire.Stage{Name: name, State: "end", Seconds: time.Since(begin).Seconds()})
	return err
}

// ending gives the end of a run that came through all its stages.
func (r *runner) ending() error {
	switch {
	case errors.Is(r.ctx.Err(), context.DeadlineExceeded):
		return end.New(wire.StateTimedOut, nil, "the run was ended when its time was up")
	case r.ctx.Err() != nil:
		return end.New(wire.StateCancelled, nil, "the run was cancelled")
	}
	if over := r.sink.Over(); over != "" {
		return end.New(wire.StateOutputLimit, nil, "the program brought forth more %s than a run may; those within the limit were kept", over)
	}
	return nil
}

// load starts the actors, whose process ids the program may want, and takes
// the object into the kernel.
func (r *runner) load(object []byte) error {
	parsed, err := load.Parse(object)
	if err != nil {
		return err
	}
	r.object = parsed
	if !r.run.LoadOnly && r.env.Play != nil {
		if err := r.startScene(); err != nil {
			return err
		}
	}
	if err := r.setGlobals(); err != nil {
		return err
	}
	r.before = make(map[string][]byte)
	for _, m := range parsed.Maps {
		r.sink.Send(wire.KindMap, load.Row(m))
		if load.IsData(m) {
			r.before[m.Name] = append([]byte(nil), collect.Initial(m)...)
		}
	}
	r.loader = load.NewLoader(parsed, load.Options{
		Types: r.env.Types, WholeLog: r.run.VerifierLog, LogBytes: r.verifierLogBytes(),
		CountRefused: !r.run.LoadOnly,
	})
	if err := r.loader.Maps(); err != nil {
		return err
	}
	if err := r.loadPrograms(); err != nil || r.run.LoadOnly {
		return err
	}
	if err := r.loader.StructOps(); err != nil {
		return err
	}
	return r.loader.Finish()
}

func (r *runner) verifierLogBytes() int {
	if r.run.Limits.LogBytes > 0 {
		return r.run.Limits.LogBytes
	}
	return collect.VerifierLogBytes
}

func (r *runner) startScene() error {
	player, err := r.env.Play(r.run.Scene)
	if err != nil {
		return end.New(wire.StateWorkloadFailed, err, "the scene's actors could not be started: %v", err)
	}
	r.player = player
	if err := player.Setup(r.ctx, r.report); err != nil {
		if r.ctx.Err() != nil {
			return r.ending()
		}
		return end.New(wire.StateWorkloadFailed, err, "the scene could not be prepared: %v", err)
	}
	return nil
}

func (r *runner) report(result plan.Result) { r.sink.Send(wire.KindStep, result) }

// loadPrograms loads each program on its own. When only loading, a rejected
// program does not hide what the kernel says about the next.
func (r *runner) loadPrograms() error {
	var first error
	for _, spec := range r.object.Programs {
		if r.ctx.Err() != nil {
			return r.ending()
		}
		if r.leftOut(spec) {
			continue
		}
		result := r.loader.Load(spec)
		r.sink.Send(wire.KindProgram, result.Row)
		if result.Log != "" {
			r.sink.Log(wire.Log{From: "verifier", Program: spec.Name, Text: result.Log, Truncated: result.Truncated})
		}
		if result.Uncounted != nil {
			r.sink.Log(wire.Log{
				From: "loader", Program: spec.Name,
				Text: fmt.Sprintf("records of program %s that have no room in a ring buffer are not counted: %v", spec.Name, result.Uncounted),
			})
		}
		if result.Err == nil {
			continue
		}
		if !r.run.LoadOnly {
			return result.Err
		}
		if first == nil {
			first = result.Err
		}
	}
	return first
}

// leftOut says whether a program is not to be loaded: a section name that
// begins with ? says "only if asked for".
func (r *runner) leftOut(spec *ebpf.ProgramSpec) bool {
	_, asked := r.run.AttachTo[spec.Name]
	if r.run.LoadOnly || asked || spec.SectionName == "" || spec.SectionName[0] != '?' {
		return false
	}
	r.sink.Send(wire.KindProgram, wire.Program{
		Name: spec.Name, Section: spec.SectionName, Type: spec.Type.String(),
		Instructions: len(spec.Instructions), Error: "not loaded: its section name begins with ?",
	})
	return true
}
