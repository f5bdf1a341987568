//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/skep-dev/skep/internal/guest/attach"
	"github.com/skep-dev/skep/internal/guest/collect"
	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/guest/load"
	"github.com/skep-dev/skep/internal/wire"
)

// attach begins to read, then attaches: what a program does at once is seen.
func (r *runner) attach() error {
	if err := r.startReading(); err != nil {
		return err
	}
	if err := r.attachMaps(); err != nil {
		return err
	}
	called := r.object.TailCalled()
	// Programs of type syscall run when they are attached: last, when all
	// others see it.
	for _, last := range []bool{false, true} {
		for _, spec := range r.object.Programs {
			program := r.loader.Program(spec.Name)
			if program == nil || (spec.Type == ebpf.Syscall) != last {
				continue
			}
			if array, ok := called[spec.Name]; ok && r.run.AttachTo[spec.Name] == "" {
				r.attachedTo(spec.Name, attach.Attached{To: "map " + array, How: "tail calls"})
				continue
			}
			if err := r.attachProgram(spec, program); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *runner) startReading() error {
	r.buffers = collect.NewBuffers(r.sink)
	for i, spec := range r.object.Maps {
		m := r.loader.Map(spec.Name)
		if m == nil {
			continue
		}
		if err := r.buffers.Add(i, spec, m); err != nil {
			return end.New(wire.StateMapFailed, err, "map %s cannot be read: %v", spec.Name, err).Of(spec.Name)
		}
	}
	for _, spec := range r.object.Programs {
		if r.loader.Program(spec.Name) == nil || !collect.PrintsTrace(spec) {
			continue
		}
		tracer, err := collect.StartTracer(r.sink)
		if err != nil {
			return err
		}
		r.tracer = tracer
		break
	}
	r.env.Packets.Start(r.sink)
	return nil
}

func (r *runner) attachMaps() error {
	for _, spec := range r.object.Maps {
		m := r.loader.Map(spec.Name)
		if spec.Type != ebpf.StructOpsMap || m == nil {
			continue
		}
		attached, err := attach.StructOps(spec, m, r.object.IsLegacy(spec))
		if err != nil {
			r.sink.Send(wire.KindAttach, wire.Attach{Program: spec.Name, To: "struct_ops", Error: end.From(err).Message})
			return err
		}
		r.attachedTo(spec.Name, attached)
	}
	return nil
}

func (r *runner) attachProgram(spec *ebpf.ProgramSpec, program *ebpf.Program) error {
	target, wanted := r.run.AttachTo[spec.Name]
	places, err := attach.Attach(attach.Request{
		Spec: spec, Program: program, Target: target, Wanted: wanted,
		Surroundings: r.surroundings(),
	})
	for _, place := range places {
		r.attachedTo(spec.Name, place)
	}
	if err != nil {
		r.sink.Send(wire.KindAttach, wire.Attach{Program: spec.Name, To: spec.SectionName, Error: end.From(err).Message})
	}
	return err
}

func (r *runner) attachedTo(program string, a attach.Attached) {
	r.attached = append(r.attached, a)
	r.attachedPrograms = append(r.attachedPrograms, program)
	r.sink.Send(wire.KindAttach, wire.Attach{Program: program, To: a.To, How: a.How})
}

func (r *runner) surroundings() attach.Surroundings {
	s := attach.Surroundings{
		Cgroup: r.env.Cgroup, Interface: r.env.Interface,
		Map: r.loader.Map, Maps: r.object.Maps, Probes: &r.probes,
	}
	for _, spec := range r.object.Programs {
		s.FillsSockets = s.FillsSockets || spec.Type == ebpf.SockOps
	}
	if r.player != nil {
		s.Sockets = r.player.Sockets
	}
	return s
}

// scene lets the scene happen, and lets the program be for as long as asked.
func (r *runner) scene() error {
	begin := time.Now()
	var failed error
	if r.player != nil {
		if err := r.player.Run(r.ctx, r.report); err != nil && r.ctx.Err() == nil {
			failed = end.New(wire.StateWorkloadFailed, err, "the scene failed: %v", err)
		}
	}
	wait(r.ctx, time.Duration(r.run.Seconds*float64(time.Second))-time.Since(begin))
	return failed
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// drain empties the buffers and reports what the run has left.
func (r *runner) drain() {
	r.iterate()
	if r.buffers != nil {
		r.buffers.Drain()
	}
	r.tracer.Drain()
	r.env.Packets.Stop()
	// Beside the global variables, in which programs count for themselves.
	if err := r.loader.Refused(r.sink.AddLost); err != nil {
		r.sink.Log(wire.Log{From: "loader", Text: fmt.Sprintf("how many records had no room in ring buffers is not known: %v", err)})
	}
	r.reportGlobals(func(section string) ([]byte, bool) {
		m := r.loader.Map(section)
		if m == nil {
			return nil, false
		}
		data, err := collect.Section(m)
		return data, err == nil
	})
	r.reportEntries()
	r.reportStats()
	r.sink.SendLost()
}

// iterate runs the iterators: after the scene, which they are to see.
func (r *runner) iterate() {
	for i, a := range r.attached {
		if a.Iterate == nil {
			continue
		}
		text, truncated, err := a.Iterate(r.sink.Limits().LogBytes)
		if err != nil {
			text = append(text, fmt.Sprintf("\n[the iterator failed: %v]\n", err)...)
		}
		r.sink.Log(wire.Log{From: "iterator", Program: r.attachedPrograms[i], Text: string(text), Truncated: truncated})
	}
}

func (r *runner) reportEntries() {
	for _, spec := range r.object.Maps {
		m := r.loader.Map(spec.Name)
		if m == nil || load.IsData(spec) {
			continue
		}
		entries, ok, err := collect.Entries(spec, m, r.sink.Limits().Entries)
		if err != nil {
			r.sink.Log(wire.Log{From: "loader", Program: spec.Name, Text: fmt.Sprintf("map %s cannot be listed: %v", spec.Name, err)})
		}
		if ok {
			r.sink.Send(wire.KindEntries, entries)
		}
	}
}

func (r *runner) reportStats() {
	for _, spec := range r.object.Programs {
		program := r.loader.Program(spec.Name)
		if program == nil {
			continue
		}
		if stats, err := collect.Stats(spec.Name, program); err == nil {
			r.sink.Send(wire.KindStats, stats)
		}
	}
}

// tearDown leaves the machine as it was, after a preheating run.
func (r *runner) tearDown() error {
	if r.player != nil {
		r.player.Close()
	}
	var errs []error
	for i := len(r.attached) - 1; i >= 0; i-- {
		if detach := r.attached[i].Detach; detach != nil {
			if err := detach(); err != nil {
				errs = append(errs, fmt.Errorf("detach %s from %s: %w", r.attachedPrograms[i], r.attached[i].To, err))
			}
		}
	}
	if r.buffers != nil {
		r.buffers.Close()
	}
	if r.loader != nil {
		r.loader.Close()
	}
	return errors.Join(errs...)
}
