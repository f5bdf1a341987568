package run

import (
	"encoding/json"
	"fmt"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/btfvalue"
	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
)

// translator turns the guest's frames, which are hostile, into events.
type translator struct {
	stream  *stream
	program *program
	request Request
	console func() string // the end of what the machine's kernel wrote
	sent    int           // bytes that the guest has sent
	maps    []wire.Map
	log     *Log // of which more parts are to come
	logText []byte
}

// Limits on what is taken from a guest. Ours sends less; one that was taken over
// may send anything.
const (
	maxSent    = 1 << 30 // in all, frameCost for each frame included
	frameCost  = 64
	maxMaps    = 1024 // more than an object can have in practice
	maxName    = 64 << 10
	maxEntries = 1 << 16  // in one frame
	maxPerCPU  = 1024     // a machine has one processor
	maxLog     = 32 << 20 // one log
)

// errTooMuch says that a guest sent more than maxSent.
var errTooMuch = fmt.Errorf("the machine sent more than %d MiB", maxSent>>20)

// translations by kind of frame.
var translations = map[wire.Kind]func(*translator, []byte) error{
	wire.KindStage:   asJSON((*translator).stageFrame),
	wire.KindProgram: asJSON((*translator).programFrame),
	wire.KindMap:     asJSON((*translator).mapFrame),
	wire.KindAttach:  asJSON((*translator).attachFrame),
	wire.KindEvent:   (*translator).eventFrame,
	wire.KindTrace:   asJSON((*translator).traceFrame),
	wire.KindPacket:  asJSON((*translator).packetFrame),
	wire.KindStep:    asJSON((*translator).stepFrame),
	wire.KindGlobal:  asJSON((*translator).globalFrame),
	wire.KindEntries: asJSON((*translator).entriesFrame),
	wire.KindLog:     asJSON((*translator).logFrame),
	wire.KindLost:    asJSON((*translator).lostFrame),
	wire.KindStats:   asJSON((*translator).statsFrame),
}

func asJSON[T any](handle func(*translator, T) error) func(*translator, []byte) error {
	return func(t *translator, payload []byte) error {
		var v T
		if err := json.Unmarshal(payload, &v); err != nil {
			return fmt.Errorf("%w: %T: %w", wire.ErrFrame, v, err)
		}
		return handle(t, v)
	}
}

func (t *translator) frame(f machine.Frame) error {
	if t.sent += frameCost + len(f.Payload); t.sent > maxSent {
		return errTooMuch
	}
	translate, ok := translations[f.Kind]
	if !ok {
		return fmt.Errorf("%w: kind %q does not exist", wire.ErrFrame, byte(f.Kind))
	}
	return translate(t, f.Payload)
}

func (t *translator) stageFrame(s wire.Stage) error {
	t.stream.emit(Stage{Name: s.Name, State: s.State, Seconds: s.Seconds})
	return nil
}

func (t *translator) programFrame(p wire.Program) error {
	t.stream.emit(Program{
		Name: p.Name, Section: p.Section, ProgramType: p.Type, Loaded: p.Loaded,
		Instructions: p.Instructions, Verified: p.Verified, States: p.States,
		Seconds: p.Seconds, JITedBytes: p.JITed, Error: p.Error,
	})
	return nil
}

func (t *translator) mapFrame(m wire.Map) error {
	if len(t.maps) >= maxMaps {
		return fmt.Errorf("%w: more than %d maps", wire.ErrFrame, maxMaps)
	}
	if len(m.Name) > maxName || len(m.Type) > maxName { // they are kept
		return fmt.Errorf("%w: a map's name of more than %d bytes", wire.ErrFrame, maxName)
	}
	t.maps = append(t.maps, m)
	if isShowMap(m.Name) {
		return nil
	}
	event := Map{
		Name: m.Name, MapType: m.Type, KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries,
	}
	if described, ok := t.program.mapOf(m.Name); ok {
		event.KeyType, event.ValueType = typeName(described.Key), typeName(described.Value)
	}
	t.stream.emit(event)
	return nil
}

func typeName(t btf.Type) string {
	if t == nil {
		return ""
	}
	return btfvalue.TypeName(t)
}

func (t *translator) attachFrame(a wire.Attach) error {
	t.stream.emit(Attach{Program: a.Program, To: a.To, How: a.How, Error: a.Error})
	return nil
}

func (t *translator) traceFrame(line wire.Trace) error {
	t.stream.emit(Trace{CPU: line.CPU, Process: line.Process, PID: line.PID, Text: line.Text})
	return nil
}

func (t *translator) packetFrame(p wire.Packet) error {
	length := max(p.Length, len(p.Bytes))
	t.stream.emit(Packet{
		Where: p.Where, Direction: p.Direction, Bytes: p.Bytes, Length: length, Summary: summarise(p.Bytes, length),
	})
	return nil
}

func (t *translator) stepFrame(s scene.Result) error {
	t.stream.emit(Step{s})
	return nil
}

func (t *translator) logFrame(l wire.Log) error {
	if t.log == nil || t.log.From != l.From || t.log.Program != l.Program {
		t.flushLog()
		t.log = &Log{From: l.From, Program: l.Program}
	}
	room := max(maxLog-len(t.logText), 0)
	t.log.Truncated = t.log.Truncated || l.Truncated || len(l.Text) > room
	t.logText = append(t.logText, l.Text[:min(len(l.Text), room)]...)
	if !l.More {
		t.flushLog()
	}
	return nil
}

// flushLog passes on what there is of a log that came in parts.
func (t *translator) flushLog() {
	if t.log != nil {
		t.log.Text = string(t.logText)
		t.stream.emit(*t.log)
		t.log, t.logText = nil, nil
	}
}

func (t *translator) lostFrame(l wire.Lost) error {
	t.stream.emit(Lost{Map: l.Map, Count: l.Count})
	return nil
}

func (t *translator) statsFrame(s wire.Stats) error {
	t.stream.emit(Stats{Program: s.Program, Runs: s.Runs, Nanoseconds: s.Nanoseconds})
	return nil
}

// eventFrame decodes a record by the type that the object tells.
func (t *translator) eventFrame(payload []byte) error {
	e, err := wire.UnmarshalEvent(payload)
	if err != nil {
		return err
	}
	if int(e.Map) >= len(t.maps) {
		return fmt.Errorf("%w: an event of map %d, of %d", wire.ErrFrame, e.Map, len(t.maps))
	}
	m := t.maps[e.Map]
	if isShowMap(m.Name) {
		return t.showRecord(e.Data)
	}
	record := Record{Map: m.Name, CPU: int(int32(e.CPU)), Nano: e.Nano, Bytes: e.Data}
	types := t.program.eventTypes(m, len(e.Data))
	if len(types.Programs) == 1 {
		record.Program = types.Programs[0]
	}
	if len(types.Exact) == 1 {
		record.TypeName = btfvalue.TypeName(types.Exact[0])
		record.Value, record.Text, record.Fields = decode(types.Exact[0], e.Data)
	} else {
		for _, c := range append(types.Exact, types.Candidates...) {
			record.Candidates = append(record.Candidates, btfvalue.TypeName(c))
		}
		record.Text = hexText(e.Data)
	}
	t.stream.emit(record)
	return nil
}

// decode reads bytes by a type; what cannot be decoded is shown as bytes.
func decode(t btf.Type, data []byte) (value any, text string, fields []Field) {
	v, err := btfvalue.Decode(t, order, data)
	if err != nil {
		return nil, hexText(data), nil
	}
	if v.Kind == btfvalue.KindStruct {
		for _, child := range v.Children {
			fields = append(fields, Field{child.Name, child.String()})
		}
	}
	return v, v.String(), fields
}

// hexText shows the beginning of bytes of unknown type.
func hexText(data []byte) string {
	const shown = 64
	text := fmt.Sprintf("% x", data[:min(len(data), shown)])
	if len(data) > shown {
		text += fmt.Sprintf(" … (%d bytes)", len(data))
	}
	return text
}

// diagnostic is the compiler's in the stream's words.
func diagnostic(d compile.Diagnostic) Diagnostic {
	out := Diagnostic{
		File: d.File, Line: d.Line, Column: d.Column,
		EndLine: d.EndLine, EndColumn: d.EndColumn,
		Severity: string(d.Severity), Message: d.Message,
	}
	for _, fix := range d.Fixes {
		out.Fixes = append(out.Fixes, Fix{fix.Line, fix.Column, fix.EndLine, fix.EndColumn, fix.Text})
	}
	for _, note := range d.Notes {
		out.Notes = append(out.Notes, diagnostic(note))
	}
	return out
}
