package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestWriteRead(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    Kind
		payload []byte
	}{
		{"nothing", KindCancel, []byte{}},
		{"a byte", KindPing, []byte{0}},
		{"a chunk and a byte", KindEntries, bytes.Repeat([]byte("x"), 256<<10+1)},
		{"the most", KindRun, make([]byte, MaxFrame-1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stream bytes.Buffer
			if err := Write(&stream, c.kind, c.payload); err != nil {
				t.Fatal(err)
			}
			if got := stream.Len(); got != headerSize+len(c.payload) {
				t.Errorf("the frame has %d bytes", got)
			}
			kind, payload, err := Read(&stream)
			if err != nil || kind != c.kind || !bytes.Equal(payload, c.payload) {
				t.Errorf("Read: kind %q, %d bytes, %v", byte(kind), len(payload), err)
			}
			if _, _, err := Read(&stream); !errors.Is(err, io.EOF) {
				t.Errorf("after the frame: %v, want io.EOF", err)
			}
		})
	}
	if err := Write(io.Discard, KindRun, make([]byte, MaxFrame)); !errors.Is(err, ErrFrame) {
		t.Errorf("a payload over the limit: %v", err)
	}
}

// A frame is one call of Write, so that those of several goroutines do not mix.
func TestWriteIsOneCall(t *testing.T) {
	var calls int
	w := writer(func(p []byte) (int, error) { calls++; return len(p), nil })
	if err := WriteJSON(w, KindHello, Hello{Release: "6.6.6"}); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if err := WriteJSON(w, KindHello, make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestReadMalformed(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		stream io.Reader
		want   error
	}{
		{"nothing", strings.NewReader(""), io.EOF},
		{"half a header", strings.NewReader("\x01\x00\x00"), io.ErrUnexpectedEOF},
		{"length 0", strings.NewReader("\x00\x00\x00\x00H"), ErrFrame},
		{"length over the limit", strings.NewReader("\x01\x00\x00\x01H"), ErrFrame},
		{"length 4 GiB", strings.NewReader("\xff\xff\xff\xffH"), ErrFrame},
		{"no payload", strings.NewReader("\x05\x00\x00\x00H"), io.ErrUnexpectedEOF},
		{"half a payload", strings.NewReader("\x05\x00\x00\x00H{}"), io.ErrUnexpectedEOF},
		{"half a large payload", strings.NewReader("\x00\x00\x00\x01H" + strings.Repeat("x", 300<<10)), io.ErrUnexpectedEOF},
		{"an error", io.MultiReader(strings.NewReader("\x05\x00\x00\x00H{"), iotest.ErrReader(broken)), broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := Read(c.stream); !errors.Is(err, c.want) {
				t.Errorf("Read: %v, want %v", err, c.want)
			}
		})
	}
}

// Who promises 16 MiB and sends ten bytes makes us allocate a chunk.
func TestPromisesCostLittle(t *testing.T) {
	stream := binary.LittleEndian.AppendUint32(nil, MaxFrame)
	stream = append(stream, "Hello world"...)
	const rounds = 50
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		if _, _, err := Read(bytes.NewReader(stream)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / rounds; each > 1<<20 {
		t.Errorf("a frame of ten bytes costs %d", each)
	}
}

func TestRun(t *testing.T) {
	run := Run{LoadOnly: true, Seconds: 1.5, Set: []SetGlobal{{Variable: "pid", ActorPID: "main"}}, Limits: Limits{Events: 3}}
	object := []byte("\x7fELF and so on")
	payload, err := MarshalRun(run, object)
	if err != nil {
		t.Fatal(err)
	}
	gotRun, gotObject, err := UnmarshalRun(payload)
	if err != nil || !reflect.DeepEqual(gotRun, run) || !bytes.Equal(gotObject, object) {
		t.Errorf("UnmarshalRun: %+v, %q, %v", gotRun, gotObject, err)
	}
	if _, err := MarshalRun(run, make([]byte, MaxObject+1)); err == nil {
		t.Error("an object over the limit was taken")
	}
	for _, c := range []struct{ name, payload string }{
		{"nothing", ""},
		{"half a length", "\x01\x00"},
		{"more options than bytes", "\x03\x00\x00\x00{}"},
		{"4 GiB of options", "\xff\xff\xff\xff{}"},
		{"no options", "\x00\x00\x00\x00"},
		{"options that are no JSON", "\x02\x00\x00\x00{]"},
		{"options of another type", "\x02\x00\x00\x00[]"},
	} {
		if _, _, err := UnmarshalRun([]byte(c.payload)); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v, want %v", c.name, err, ErrFrame)
		}
	}
}

func TestEvent(t *testing.T) {
	for _, want := range []Event{
		{Data: []byte{}},
		{Map: 7, CPU: ^uint32(0), Nano: 1 << 63, Data: []byte("record")},
	} {
		if got, err := UnmarshalEvent(MarshalEvent(want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v became %+v, %v", want, got, err)
		}
	}
	if _, err := UnmarshalEvent(make([]byte, 15)); !errors.Is(err, ErrFrame) {
		t.Errorf("15 bytes: %v", err)
	}
}

func TestWake(t *testing.T) {
	for _, want := range []Wake{
		{Entropy: []byte{}},
		{UnixNano: -1, Entropy: []byte("not very random")},
	} {
		if got, err := UnmarshalWake(MarshalWake(want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v became %+v, %v", want, got, err)
		}
	}
	if _, err := UnmarshalWake(make([]byte, 7)); !errors.Is(err, ErrFrame) {
		t.Errorf("7 bytes: %v", err)
	}
}

// What Read takes, Write makes again.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00C"))
	f.Add([]byte("\x03\x00\x00\x00H{}rest"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		kind, payload, err := Read(bytes.NewReader(stream))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, kind, payload); err != nil || !bytes.HasPrefix(stream, again.Bytes()) {
			t.Errorf("%q became %q, %v", stream, again.Bytes(), err)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	run, err := MarshalRun(Run{Seconds: 1}, []byte("object"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(run)
	f.Add(MarshalEvent(Event{Map: 1, Data: []byte("record")}))
	f.Add(MarshalWake(Wake{UnixNano: 1, Entropy: []byte("entropy")}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if run, object, err := UnmarshalRun(payload); err == nil {
			if !bytes.HasSuffix(payload, object) {
				t.Errorf("the object %q is not the end of %q", object, payload)
			}
			if _, err := MarshalRun(run, object); err != nil {
				t.Errorf("%+v cannot be encoded again: %v", run, err)
			}
		}
		if e, err := UnmarshalEvent(payload); err == nil && !bytes.Equal(MarshalEvent(e), payload) {
			t.Errorf("%q became %+v", payload, e)
		}
		if w, err := UnmarshalWake(payload); err == nil && !bytes.Equal(MarshalWake(w), payload) {
			t.Errorf("%q became %+v", payload, w)
		}
	})
}
