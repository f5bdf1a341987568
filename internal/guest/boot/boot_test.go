package boot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skep-dev/skep/internal/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A file system must not hide one that was mounted before it, and what lies
// in another must come after it.
func TestMountOrder(t *testing.T) {
	at := map[string]int{}
	for i, m := range mounts {
		if _, ok := at[m.target]; ok {
			t.Errorf("two mounts on %s", m.target)
		}
		at[m.target] = i
	}
	for i, m := range mounts {
		for dir := path.Dir(m.target); dir != "/"; dir = path.Dir(dir) {
			if parent, ok := at[dir]; ok && parent > i {
				t.Errorf("%s is mounted before %s and hidden by it", m.target, dir)
			}
		}
	}
	for _, target := range []string{"/proc", "/sys", "/dev", "/sys/fs/bpf", "/sys/kernel/tracing", "/tmp"} {
		if i, ok := at[target]; !ok || !mounts[i].required {
			t.Errorf("%s is not required", target)
		}
	}
}

func TestMountAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	impossible := func(required bool) mount { // whoever we are
		return mount{source: "x", target: filepath.Join(dir, "file", "below"), kind: "tmpfs", required: required}
	}
	failed, err := mountAll([]mount{impossible(false), impossible(false)})
	if err != nil || len(failed) != 2 {
		t.Errorf("optional mounts: %q, %v", failed, err)
	}
	failed, err = mountAll([]mount{impossible(false), impossible(true), impossible(false)})
	if err == nil || len(failed) != 1 {
		t.Errorf("a required mount: %q, %v", failed, err)
	}
}

func TestFindPort(t *testing.T) {
	class := t.TempDir()
	if _, err := findPort(class); err == nil {
		t.Error("a port was found among none")
	}
	for port, name := range map[string]string{"vport0p0": "console\n", "vport0p1": "skep\n", "vport0p2": "skeptic\n"} {
		if err := os.Mkdir(filepath.Join(class, port), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(class, port, "name"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(class, "nameless"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := findPort(class); err != nil || got != "/dev/vport0p1" {
		t.Errorf("findPort: %q, %v", got, err)
	}
	if _, err := findPort(filepath.Join(class, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("findPort without the class: %v", err)
	}
}

func TestLoadModules(t *testing.T) {
	if loaded, failed := loadModules(filepath.Join(t.TempDir(), "none")); loaded != 0 || failed != nil {
		t.Errorf("without modules: %d, %q", loaded, failed)
	}
	dir := filepath.Join(t.TempDir(), "modules")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"order": "bad.ko\nmissing.ko\n", "bad.ko": "this is no module"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loaded, failed := loadModules(dir)
	if loaded != 0 || len(failed) != 2 || !strings.Contains(failed[0], "bad.ko") || !strings.Contains(failed[1], "missing.ko") {
		t.Errorf("bad modules: %d, %q", loaded, failed)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the files stay: %v", err)
	}
}

// Frames of several goroutines do not mix.
func TestFrameWriter(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	out := &frameWriter{w: theirs}
	const senders, each = 8, 50
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for range each {
				if err := out.send(wire.KindTrace, wire.Trace{Text: strings.Repeat("x", 1000)}); err != nil {
					t.Error(err)
				}
				if err := out.send(wire.KindEvent, wire.Event{Map: 3, Data: []byte("record")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	counts := map[wire.Kind]int{}
	for range 2 * senders * each {
		kind, payload, err := wire.Read(ours)
		if err != nil {
			t.Fatal(err)
		}
		counts[kind]++
		if kind == wire.KindEvent {
			if e, err := wire.UnmarshalEvent(payload); err != nil || e.Map != 3 {
				t.Errorf("event %+v, %v", e, err)
			}
		}
	}
	wg.Wait()
	if counts[wire.KindTrace] != senders*each || counts[wire.KindEvent] != senders*each {
		t.Errorf("frames: %v", counts)
	}
	if err := out.send(wire.KindTrace, make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

// fakeRunner waits in each run until it is told to go on, or cancelled.
type fakeRunner struct {
	mu      sync.Mutex
	active  int
	overlap bool
	goOn    chan struct{}
}

func (r *fakeRunner) Run(ctx context.Context, run wire.Run, object []byte, send func(wire.Kind, any) error) wire.End {
	r.mu.Lock()
	r.active++
	r.overlap = r.overlap || r.active > 1
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.active--
		r.mu.Unlock()
	}()
	_ = send(wire.KindStage, wire.Stage{Name: string(object)})
	select {
	case <-r.goOn:
		return wire.End{State: wire.StateDone, Message: string(object)}
	case <-ctx.Done():
		return wire.End{State: wire.StateCancelled, Message: string(object)}
	}
}

// host is the other side of a session.
type host struct {
	t      *testing.T
	conn   net.Conn
	runner *fakeRunner
	ended  chan error
}

func newHost(t *testing.T) *host {
	ours, theirs := net.Pipe()
	h := &host{t: t, conn: ours, runner: &fakeRunner{goOn: make(chan struct{})}, ended: make(chan error, 1)}
	go func() { h.ended <- Serve(theirs, h.runner) }()
	return h
}

func (h *host) send(kind wire.Kind, payload []byte) {
	h.t.Helper()
	if err := wire.Write(h.conn, kind, payload); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) run(object string) {
	h.t.Helper()
	payload, err := wire.MarshalRun(wire.Run{}, []byte(object))
	if err != nil {
		h.t.Fatal(err)
	}
	h.send(wire.KindRun, payload)
}

func (h *host) want(kind wire.Kind, into any) {
	h.t.Helper()
	got, payload, err := wire.Read(h.conn)
	if err != nil || got != kind {
		h.t.Fatalf("kind %q, %v; want kind %q", byte(got), err, byte(kind))
	}
	if err := json.Unmarshal(payload, into); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) wantRun(object, state string, end func()) {
	h.t.Helper()
	var stage wire.Stage
	if h.want(wire.KindStage, &stage); stage.Name != object {
		h.t.Errorf("%q is run, want %q", stage.Name, object)
	}
	end()
	var last wire.End
	if h.want(wire.KindEnd, &last); last.State != state || last.Message != object {
		h.t.Errorf("%q ended %+v, want %q", object, last, state)
	}
}

func (h *host) goOn() { h.runner.goOn <- struct{}{} }

func TestServe(t *testing.T) {
	h := newHost(t)
	h.send(wire.KindCancel, nil) // of nothing
	h.send(wire.KindPing, []byte(`"are you there?"`))
	var pong string
	if h.want(wire.KindPong, &pong); pong != "are you there?" {
		t.Errorf("the answer to a ping is %q", pong)
	}
	h.run("first")
	h.wantRun("first", wire.StateDone, h.goOn)
	h.run("second")
	h.wantRun("second", wire.StateCancelled, func() { h.send(wire.KindCancel, nil) })
	// A run that comes too early waits for the one before.
	h.run("third")
	h.wantRun("third", wire.StateDone, func() {
		h.run("fourth")
		h.goOn()
	})
	h.wantRun("fourth", wire.StateDone, h.goOn)
	if h.runner.overlap {
		t.Error("two runs were under way at once")
	}
	h.conn.Close()
	if err := <-h.ended; !errors.Is(err, io.EOF) {
		t.Errorf("Serve: %v, want %v", err, io.EOF)
	}
}

// Whatever ends the conversation ends the run.
func TestServeEndsRun(t *testing.T) {
	h := newHost(t)
	h.run("first")
	var stage wire.Stage
	h.want(wire.KindStage, &stage)
	h.conn.Close()
	if err := <-h.ended; !errors.Is(err, io.EOF) {
		t.Errorf("Serve: %v, want %v", err, io.EOF)
	}
}

func TestServeMalformed(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    wire.Kind
		payload string
	}{
		{"an unknown kind", '?', ""},
		{"a guest's kind", wire.KindHello, "{}"},
		{"a run of nothing", wire.KindRun, ""},
		{"a run without options", wire.KindRun, "\x09\x00\x00\x00{}"},
		{"a wake of nothing", wire.KindWake, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			defer h.conn.Close()
			h.send(c.kind, []byte(c.payload))
			if err := <-h.ended; !errors.Is(err, wire.ErrFrame) {
				t.Errorf("Serve: %v, want %v", err, wire.ErrFrame)
			}
		})
	}
}
