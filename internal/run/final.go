package run

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/btfvalue"
	"github.com/skep-dev/skep/internal/object"
	"github.com/skep-dev/skep/internal/wire"
)

// globalFrame reports the variables of a section that changed or were set.
func (t *translator) globalFrame(g wire.Global) error {
	for _, variable := range t.program.object.Globals {
		if variable.Section != g.Section {
			continue
		}
		before, after := cut(g.Before, variable), cut(g.After, variable)
		changed := !bytes.Equal(before, after)
		if !changed && !t.wasSet(variable.Name) {
			continue
		}
		event := Global{Name: variable.Name, Section: variable.Section, TypeName: typeName(variable.Type), Changed: changed}
		var was, is string
		event.Before, was = decodeOne(variable.Type, before)
		event.After, is = decodeOne(variable.Type, after)
		event.Text = was + " → " + is
		if !changed {
			event.Text = is
		}
		t.stream.emit(event)
	}
	return nil
}

// cut takes a variable's bytes out of its section; a guest may send less.
func cut(section []byte, g object.Global) []byte {
	start := min(uint64(g.Offset), uint64(len(section)))
	end := min(uint64(g.Offset)+uint64(g.Size), uint64(len(section)))
	return section[start:end]
}

func (t *translator) wasSet(name string) bool {
	_, ok := t.request.Set[name]
	return ok
}

// decodeOne reads bytes of a type that may be unknown.
func decodeOne(typ btf.Type, data []byte) (value any, text string) {
	if typ == nil {
		return data, hexText(data)
	}
	v, err := btfvalue.Decode(typ, order, data)
	if err != nil {
		return data, hexText(data)
	}
	return v, v.String()
}

// entriesFrame reports a map's contents by the types of its definition.
func (t *translator) entriesFrame(e wire.Entries) error {
	if e.Map == object.LostMap {
		return t.lostShows(e)
	}
	if isShowMap(e.Map) {
		return nil
	}
	if len(e.Entries) > maxEntries {
		return fmt.Errorf("%w: %d entries in one frame", wire.ErrFrame, len(e.Entries))
	}
	described, _ := t.program.mapOf(e.Map) // without it, bytes
	event := Entries{Map: e.Map, Truncated: e.Truncated, Zero: max(e.Zero, 0), Entries: make([]Entry, 0, len(e.Entries))}
	for _, entry := range e.Entries {
		var out Entry
		out.Key, out.KeyText = decodeOne(described.Key, entry.Key)
		switch {
		case len(entry.PerCPU) > maxPerCPU:
			return fmt.Errorf("%w: an entry of %d processors", wire.ErrFrame, len(entry.PerCPU))
		case entry.PerCPU != nil:
			texts := make([]string, len(entry.PerCPU))
			out.PerCPU = make([]any, len(entry.PerCPU))
			for i, value := range entry.PerCPU {
				out.PerCPU[i], texts[i] = decodeOne(described.Value, value)
			}
			out.ValueText = strings.Join(texts, ", ")
		default:
			out.Value, out.ValueText = decodeOne(described.Value, entry.Value)
		}
		event.Entries = append(event.Entries, out)
	}
	t.stream.emit(event)
	return nil
}
