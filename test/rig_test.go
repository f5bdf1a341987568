package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/cli"
	"github.com/skep-dev/skep/internal/compile"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/source"
)

// asSkep makes the test binary be skep itself.
const asSkep = "SKEP_TEST_AS_SKEP"

func TestMain(m *testing.M) {
	if os.Getenv(asSkep) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	// What a process leaves behind when it ends becomes our child, and counts.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "adopt orphans:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// rig is what runs need, shared by the tests of this binary: the compiler, and
// a machine of each kernel from the user's cache.
type rig struct {
	runner    *run.Runner
	kernels   map[string]*kernel.Kernel // by what the store was asked for
	engine    *qemu.Engine
	shelf     *machine.Shelf
	mu        sync.Mutex
	snapshots map[string]*machine.Snapshot
}

func userCache() string { return filepath.Dir(kernel.DefaultDir()) }

// newRig has the named kernels ready.
func newRig(t *testing.T, series ...string) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("machines take time")
	}
	r := &rig{kernels: make(map[string]*kernel.Kernel), snapshots: make(map[string]*machine.Snapshot)}
	program, err := libexec.Find(libexec.Compiler)
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := compile.New(compile.Options{CacheDir: filepath.Join(userCache(), "compile"), Program: program})
	if err != nil {
		t.Fatal(err)
	}
	if r.engine, err = qemu.New(qemu.Options{KVM: qemu.KVMWorks(userCache())}); err != nil {
		t.Fatal(err)
	}
	r.shelf = &machine.Shelf{
		Dir: filepath.Join(userCache(), "snapshots"), Engine: r.engine, Preheat: run.Preheat{Compiler: compiler},
		Note: func(text string) { t.Log(text) },
	}
	r.runner = &run.Runner{Compiler: compiler, Machines: r}
	t.Cleanup(func() {
		for _, s := range r.snapshots {
			_ = s.Close()
		}
		_ = compiler.Close()
	})
	store := kernel.Open(kernel.DefaultDir())
	for _, name := range series {
		k, err := store.Get(name)
		if err != nil {
			t.Fatalf("%v: run 'make setup'", err)
		}
		r.kernels[name] = k
		m, err := r.Get(t.Context(), k) // makes the snapshot if there is none
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Get implements run.Machines.
func (r *rig) Get(ctx context.Context, k *kernel.Kernel) (*machine.Machine, error) {
	r.mu.Lock()
	s, err := r.snapshots[k.ID()], error(nil)
	if s == nil {
		if s, err = r.shelf.Snapshot(ctx, k); err == nil {
			r.snapshots[k.ID()] = s
		}
	}
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return machine.Restore(ctx, r.engine, s)
}

// recording is the stream of one run.
type recording struct {
	bodies []run.Body
	end    run.End
}

// play runs a program with a scene, or with the default one if it is empty.
func (r *rig) play(t *testing.T, ctx context.Context, request run.Request, workload string) *recording {
	t.Helper()
	parsed := scene.Default()
	if workload != "" {
		var err error
		if parsed, err = scene.Parse([]byte(workload)); err != nil {
			t.Fatal(err)
		}
	}
	drawn, _, err := scene.Draw(parsed, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Scene = drawn
	rec := &recording{}
	seq := 0
	rec.end = r.runner.Run(ctx, request, func(e run.Event) {
		if seq++; e.Seq != seq {
			t.Errorf("event %d has seq %d", seq, e.Seq)
		}
		rec.bodies = append(rec.bodies, e.Body)
	})
	if last, ok := rec.bodies[len(rec.bodies)-1].(run.End); !ok || last != rec.end {
		t.Errorf("the stream ends with %+v, not with %+v", rec.bodies[len(rec.bodies)-1], rec.end)
	}
	return rec
}

// of are the events of one type.
func of[T run.Body](rec *recording) []T {
	var list []T
	for _, body := range rec.bodies {
		if b, ok := body.(T); ok {
			list = append(list, b)
		}
	}
	return list
}

// logs is the text of all logs of an origin.
func (rec *recording) logs(from string) string {
	var text strings.Builder
	for _, l := range of[run.Log](rec) {
		if l.From == from {
			text.WriteString(l.Text)
		}
	}
	return text.String()
}

// String is what helps when a test fails.
func (rec *recording) String() string {
	var b strings.Builder
	for i, body := range rec.bodies {
		if i > 80 {
			fmt.Fprintln(&b, "and so on")
			break
		}
		text := fmt.Sprintf("%s %+v", body.EventType(), body)
		fmt.Fprintln(&b, text[:min(len(text), 600)])
	}
	return b.String()
}

func cProgram(t *testing.T, name, text string) source.Program {
	t.Helper()
	p, err := source.New(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// holdings are what a process may leave behind.
type holdings struct {
	processes, files []string
	descriptors      int
}

// takeStock counts our descendants, descriptors, and unfinished files.
func takeStock(t *testing.T) holdings {
	t.Helper()
	var h holdings
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	h.descriptors = len(fds)
	h.processes = descendants(t)
	for _, dir := range []string{os.TempDir(), userCache()} {
		err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil // another process's, and gone
			}
			if err != nil {
				return err
			}
			name := entry.Name()
			// what is finished is kept in the cache on purpose
			if dir == os.TempDir() || strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "lock") {
				h.files = append(h.files, path)
			}
			if depth := strings.Count(strings.TrimPrefix(path, dir), "/"); entry.IsDir() && depth >= 3 {
				return filepath.SkipDir
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// descendants are the processes below this one that still run.
func descendants(t *testing.T) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	type process struct {
		parent int
		name   string
	}
	all := make(map[int]process)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		head, tail, _ := strings.Cut(string(text), ") ")
		var pid, parent int
		var state string
		if _, err := fmt.Sscan(head, &pid); err != nil {
			continue
		}
		if _, err := fmt.Sscan(tail, &state, &parent); err != nil || state == "Z" {
			continue
		}
		all[pid] = process{parent, head}
	}
	var list []string
	for pid, p := range all {
		for up, depth := p.parent, 0; up > 1 && depth < 64; up, depth = all[up].parent, depth+1 {
			if up == os.Getpid() {
				list = append(list, fmt.Sprintf("%d %s", pid, p.name))
				break
			}
		}
	}
	slices.Sort(list)
	return list
}

// leavesNothing compares what there is with what there was. A process that was
// killed takes a moment to be gone.
func leavesNothing(t *testing.T, before holdings) {
	t.Helper()
	var left []string
	deadline := time.Now().Add(20 * time.Second)
	for {
		now := takeStock(t)
		left = nil
		for _, pair := range [][2][]string{{before.processes, now.processes}, {before.files, now.files}} {
			for _, one := range pair[1] {
				if !slices.Contains(pair[0], one) {
					left = append(left, one)
				}
			}
		}
		if now.descriptors > before.descriptors {
			left = append(left, fmt.Sprintf("%d descriptors instead of %d", now.descriptors, before.descriptors))
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
