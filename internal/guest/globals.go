//go:build linux

package guest

import (
	"encoding/binary"
	"fmt"

	"github.com/skep-dev/skep/internal/guest/end"
	"github.com/skep-dev/skep/internal/wire"
)

// setGlobals sets the variables that the user names, before the maps that
// hold them exist.
func (r *runner) setGlobals() error {
	for _, set := range r.run.Set {
		value := set.Value
		if set.ActorPID != "" {
			var err error
			if value, err = r.actorPID(set); err != nil {
				return err
			}
		}
		if err := r.object.Set(set.Variable, value); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) actorPID(set wire.SetGlobal) ([]byte, error) {
	pid, ok := 0, false
	if r.player != nil {
		pid, ok = r.player.ActorPID(set.ActorPID)
	}
	if !ok {
		if r.run.LoadOnly {
			return make([]byte, r.object.VariableSize(set.Variable)), nil
		}
		return nil, end.New(wire.StateWorkloadFailed, nil, "variable %s is to be the process id of %q, and the scene has no such actor", set.Variable, set.ActorPID)
	}
	size := r.object.VariableSize(set.Variable)
	value := binary.LittleEndian.AppendUint64(nil, uint64(pid))
	if size < len(value) {
		value = value[:max(size, 0)]
	}
	return append(value, make([]byte, max(size-len(value), 0))...), nil
}

// reportGlobals sends every data section as it was and as it is.
func (r *runner) reportGlobals(after func(section string) ([]byte, bool)) {
	for _, m := range r.object.Maps {
		before, ok := r.before[m.Name]
		if !ok {
			continue
		}
		now, ok := after(m.Name)
		if !ok {
			continue
		}
		if len(now) < int(m.ValueSize) {
			text := fmt.Sprintf("of section %s only the variables in its first %d bytes are shown", m.Name, len(now))
			r.sink.Log(wire.Log{From: "loader", Text: text})
		}
		r.sink.Send(wire.KindGlobal, wire.Global{Section: m.Name, Before: before, After: now})
	}
}
