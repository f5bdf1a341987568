package run

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/object"
	"github.com/skep-dev/skep/internal/wire"
)

// sample is testdata/sample.bpf.o, whose source stands beside it.
func sample(t testing.TB, request Request) *program {
	t.Helper()
	data, err := os.ReadFile("testdata/sample.bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	o, err := object.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProgram(o, data, request)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// translated is the stream that frames become.
func translated(t testing.TB, p *program, request Request, frames ...machine.Frame) ([]Body, error) {
	t.Helper()
	var bodies []Body
	tr := &translator{program: p, request: request, console: func() string { return "" }}
	tr.stream = newStream("", func(e Event) {
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("%T cannot be encoded: %v", e.Body, err)
		}
		bodies = append(bodies, e.Body)
	})
	for _, f := range frames {
		if err := tr.frame(f); err != nil {
			return bodies, err
		}
	}
	tr.flushLog()
	return bodies, nil
}

func frame(t testing.TB, kind wire.Kind, v any) machine.Frame {
	t.Helper()
	payload, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return machine.Frame{Kind: kind, Payload: payload}
}

func eventOf(index uint32, data []byte) machine.Frame {
	return machine.Frame{Kind: wire.KindEvent, Payload: wire.MarshalEvent(wire.Event{Map: index, Data: data})}
}

func mapFrame(t testing.TB, name, kind string) machine.Frame {
	return frame(t, wire.KindMap, wire.Map{Name: name, Type: kind})
}

// A record is decoded by the type that the object tells, or the user.
func TestEventFrame(t *testing.T) {
	data := binary.LittleEndian.AppendUint32(nil, 7)
	data = append(append(data, "sh"...), make([]byte, 14)...)
	events := mapFrame(t, "events", "RingBuf")
	tests := []struct {
		name    string
		request Request
		data    []byte
		text    string
		fields  int
	}{
		{"exact", Request{}, data, `{pid: 7, comm: "sh"}`, 2},
		{"forced", Request{EventTypes: map[string]string{"events": "other"}}, data[:8], "{whole: ", 1},
		{"forced for all", Request{EventTypes: map[string]string{"": "other"}}, data[:8], "{whole: ", 1},
		{"short", Request{}, data[:3], "07 00 00", 0},
		{"empty", Request{}, nil, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bodies, err := translated(t, sample(t, test.request), test.request, events, eventOf(0, test.data))
			if err != nil {
				t.Fatal(err)
			}
			r := bodies[len(bodies)-1].(Record)
			if !strings.Contains(r.Text, test.text) || len(r.Fields) != test.fields || r.Map != "events" || !bytes.Equal(r.Bytes, test.data) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What cannot be is refused, and not believed.
func TestHostileFrames(t *testing.T) {
	p := sample(t, Request{})
	many := make([]machine.Frame, maxMaps+1)
	for i := range many {
		many[i] = mapFrame(t, "m", "Hash")
	}
	for name, frames := range map[string][]machine.Frame{
		"unknown kind":         {{Kind: 'Q'}},
		"host's kind":          {{Kind: wire.KindRun}},
		"no JSON":              {{Kind: wire.KindStage, Payload: []byte("{")}},
		"another type":         {{Kind: wire.KindStage, Payload: []byte(`{"name": 7}`)}},
		"short event":          {{Kind: wire.KindEvent, Payload: make([]byte, 3)}},
		"event of no map":      {eventOf(0, nil)},
		"event of another map": {mapFrame(t, "events", "RingBuf"), eventOf(1<<31, nil)},
		"many maps":            many,
		"map of a long name":   {mapFrame(t, strings.Repeat("m", maxName+1), "Hash")},
		"many entries":         {frame(t, wire.KindEntries, wire.Entries{Map: "counts", Entries: make([]wire.Entry, maxEntries+1)})},
		"many processors":      {frame(t, wire.KindEntries, wire.Entries{Map: "counts", Entries: []wire.Entry{{PerCPU: make([][]byte, maxPerCPU+1)}}})},
		"short SHOW":           {mapFrame(t, object.ShowMap, "RingBuf"), eventOf(0, make([]byte, showHeader-1))},
		"short lost counter":   {frame(t, wire.KindEntries, wire.Entries{Map: object.LostMap, Entries: []wire.Entry{{Value: []byte{1}}}})},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := translated(t, p, Request{}, frames...); !errors.Is(err, wire.ErrFrame) {
				t.Errorf("error %v, want %v", err, wire.ErrFrame)
			}
		})
	}
}

// A guest that never ends its talk is cut short, however small its frames are.
func TestTooMuch(t *testing.T) {
	tr := &translator{program: sample(t, Request{}), console: func() string { return "" }}
	events := 0
	tr.stream = newStream("", func(Event) { events++ })
	line := frame(t, wire.KindTrace, wire.Trace{Text: "x"})
	tr.sent = maxSent - 3*(frameCost+len(line.Payload))
	var err error
	for range 100 {
		if err = tr.frame(line); err != nil {
			break
		}
	}
	if end := tr.endOf(t.Context(), err); end.State != OutputLimit || events != 3 {
		t.Errorf("%+v after %d events", end, events)
	}
}

func TestGlobalFrame(t *testing.T) {
	p := sample(t, Request{})
	section := func(calls, limit uint32) []byte {
		out := make([]byte, 32)
		for _, g := range p.object.Globals {
			value := map[string]uint32{"calls": calls, "limit": limit}[g.Name]
			if g.Section == ".bss" {
				binary.LittleEndian.PutUint32(out[g.Offset:], value)
			}
		}
		return out
	}
	tests := []struct {
		name          string
		set           map[string]string
		before, after []byte
		want          []string
	}{
		{"changed", nil, section(0, 0), section(3, 0), []string{"calls: 0 → 3"}},
		{"unchanged", nil, section(3, 0), section(3, 0), nil},
		{"set", map[string]string{"limit": "5"}, section(0, 5), section(0, 5), []string{"limit: 5"}},
		{"nothing sent", nil, nil, nil, nil},
		{"short", nil, section(0, 0), section(3, 0)[:2], []string{"calls: 0 → <missing>", "limit: 0 → <missing>", "unused: {whole: 0} → <missing>"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := Request{Set: test.set}
			bodies, err := translated(t, p, request, frame(t, wire.KindGlobal, wire.Global{Section: ".bss", Before: test.before, After: test.after}))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, body := range bodies {
				g := body.(Global)
				got = append(got, g.Name+": "+g.Text)
			}
			if len(got) != len(test.want) {
				t.Fatalf("%q, want %q", got, test.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], test.want[i]) {
					t.Errorf("%q, want %q", got[i], test.want[i])
				}
			}
		})
	}
}

func TestEntriesFrame(t *testing.T) {
	p := sample(t, Request{})
	one, two := []byte{1, 0, 0, 0}, []byte{2, 0, 0, 0, 0, 0, 0, 0}
	sent := wire.Entries{Map: "counts", Zero: 3, Truncated: true, Entries: []wire.Entry{
		{Key: one, Value: two},
		{Key: one, PerCPU: [][]byte{two, two, nil}},
		{Key: one[:1], Value: two[:1]},
		{},
	}}
	bodies, err := translated(t, p, Request{}, frame(t, wire.KindEntries, sent))
	if err != nil {
		t.Fatal(err)
	}
	e := bodies[0].(Entries)
	want := []Entry{{KeyText: "1", ValueText: "2"}, {KeyText: "1", ValueText: "2, 2, <missing>"}, {KeyText: "<missing>", ValueText: "<missing>"}, {KeyText: "<missing>", ValueText: "<missing>"}}
	for i, entry := range e.Entries {
		if entry.KeyText != want[i].KeyText || entry.ValueText != want[i].ValueText {
			t.Errorf("entry %d: %q → %q, want %q → %q", i, entry.KeyText, entry.ValueText, want[i].KeyText, want[i].ValueText)
		}
	}
	if e.Zero != 3 || !e.Truncated {
		t.Errorf("%+v", e)
	}
}

// A log in parts is one event; a part of another log ends it.
func TestLogFrames(t *testing.T) {
	part := func(program, text string, more bool) machine.Frame {
		return frame(t, wire.KindLog, wire.Log{From: "verifier", Program: program, Text: text, More: more})
	}
	bodies, err := translated(t, sample(t, Request{}), Request{},
		part("a", "1", true), part("a", "2", true), part("a", "3", false),
		part("a", "4", true), part("b", "5", false), part("b", "6", true))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, body := range bodies {
		l := body.(Log)
		got = append(got, l.Program+l.Text)
	}
	if want := "a123 a4 b5 b6"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSetGlobal(t *testing.T) {
	for text, want := range map[string]string{
		"calls=7": "", "calls=@main": "", "calls=-1": "", "calls=0x10": "",
		"calls=x": "--set calls", "calls=99999999999": "--set calls", "nothing=1": "there are: ", "calls=": "--set calls",
	} {
		name, value, _ := strings.Cut(text, "=")
		data, err := os.ReadFile("testdata/sample.bpf.o")
		if err != nil {
			t.Fatal(err)
		}
		o, err := object.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = newProgram(o, data, Request{Set: map[string]string{name: value}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// An option that names what the object does not have is not passed over.
func TestOptionsNameWhatIsThere(t *testing.T) {
	data, err := os.ReadFile("testdata/sample.bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	o, err := object.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	for want, request := range map[string]Request{
		"--event nothing=other: there is no map nothing; there are: ": {EventTypes: map[string]string{"nothing": "other"}},
		"--attach nothing: there is no such program; there are: ":     {AttachTo: map[string]string{"nothing": "x"}},
	} {
		if _, err := newProgram(o, data, request); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
	}
}

func TestSummarise(t *testing.T) {
	udp := []byte("\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x01\x08\x00" +
		"\x45\x00\x00\x20\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" + "\x00\x07\x00\x09\x00\x0c\x00\x00" + "abcd")
	for name, test := range map[string]struct {
		frame  []byte
		length int
		want   string
	}{
		"empty":         {nil, 0, "0 bytes that are no Ethernet frame"},
		"short":         {[]byte{1, 2, 3}, 3, "3 bytes"},
		"only a header": {make([]byte, 14), 14, "14 bytes"},
		"zeros":         {make([]byte, 1500), 1500, "1500 bytes"},
		"UDP":           {udp, len(udp), "UDP 10.0.0.1:7 → 10.0.0.2:9, 4 bytes"},
		"cut short":     {udp, len(udp) + 1000, "UDP 10.0.0.1:7 → 10.0.0.2:9, 1004 bytes"},
		"zeros, cut":    {make([]byte, 1500), 9000, "9000 bytes"},
	} {
		if got := summarise(test.frame, test.length); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// FuzzTranslator: whatever a guest sends in whatever order, nothing panics and
// each event can be encoded.
func FuzzTranslator(f *testing.F) {
	p := sample(f, Request{})
	var seed bytes.Buffer
	for _, fr := range []machine.Frame{
		mapFrame(f, "events", "RingBuf"), mapFrame(f, object.ShowMap, "RingBuf"),
		eventOf(0, make([]byte, 20)), eventOf(1, make([]byte, 40)), eventOf(7, nil),
		frame(f, wire.KindStage, wire.Stage{Name: "load", State: "begin"}),
		frame(f, wire.KindGlobal, wire.Global{Section: ".bss", Before: []byte{0}, After: []byte{1}}),
		frame(f, wire.KindEntries, wire.Entries{Map: "counts", Entries: []wire.Entry{{Key: []byte{1}, Value: []byte{2}}}}),
		frame(f, wire.KindEntries, wire.Entries{Map: object.LostMap, Entries: []wire.Entry{{Value: make([]byte, 8)}}}),
		frame(f, wire.KindLog, wire.Log{From: "verifier", Text: "x", More: true}),
		frame(f, wire.KindPacket, wire.Packet{Where: "v0", Bytes: make([]byte, 60)}),
	} {
		if err := wire.Write(&seed, fr.Kind, fr.Payload); err != nil {
			f.Fatal(err)
		}
		f.Add(seed.Bytes())
	}
	f.Fuzz(func(t *testing.T, conversation []byte) {
		r := bytes.NewReader(conversation)
		var frames []machine.Frame
		for len(frames) < 64 {
			kind, payload, err := wire.Read(r)
			if err != nil {
				break
			}
			frames = append(frames, machine.Frame{Kind: kind, Payload: payload})
		}
		_, err := translated(t, p, Request{Set: map[string]string{"limit": "1"}}, frames...)
		if err != nil && !errors.Is(err, wire.ErrFrame) {
			t.Fatal(err)
		}
	})
}
