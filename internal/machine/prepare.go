package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skep-dev/skep/internal/wire"
)

// A Preheat is a run that only warms a machine: it fills the kernel's and our
// guest's caches, and, under emulation, translates the code that real runs
// will use. It must leave nothing behind.
type Preheat struct {
	Run    wire.Run
	Object []byte
}

// settleTime is how long a machine idles before it is saved. What the kernel
// puts off by up to a second or two (freeing, flushing, switching off what was
// switched on) would otherwise be done by each clone, in its first moments.
var settleTime = 2500 * time.Millisecond

const (
	bootDeadline    = 60 * time.Second
	preheatDeadline = 30 * time.Second
	runGrace        = time.Second
)

// tryDeadline is for a new snapshot's first clone, which takes a second.
var tryDeadline = 30 * time.Second

// attempts at making a snapshot: under emulation a machine rarely hangs while
// it boots, or does not go on when it is restored.
const attempts = 3

// Prepare boots an image, warms the machine, and saves it into dir, which
// appears complete or not at all. identity is what LoadSnapshot will ask for.
func Prepare(ctx context.Context, engine Engine, image Image, preheat []Preheat, dir, identity string) error {
	var err error
	for range attempts {
		err = prepare(ctx, engine, image, preheat, dir, identity)
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	return err
}

func prepare(ctx context.Context, engine Engine, image Image, preheat []Preheat, dir, identity string) error {
	booting, cancel := context.WithTimeout(ctx, bootDeadline)
	defer cancel()
	m, hello, err := Boot(booting, engine, image)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.Preheat(ctx, preheat); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(settleTime):
	}
	temporary, err := os.MkdirTemp(makeParent(dir), unfinished(dir)+"-*")
	if err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	defer os.RemoveAll(temporary)
	if err := m.save(ctx, identity, hello, temporary); err != nil {
		return err
	}
	if err := try(ctx, engine, preheat, temporary, identity); err != nil {
		return fmt.Errorf("try a new snapshot: %w", err)
	}
	_ = os.RemoveAll(dir) // an older one that is no longer of use
	if err := os.Rename(temporary, dir); err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	return nil
}

// try restores a machine from a snapshot and does in it what runs do: all
// clones of one that does not go on would hang alike.
func try(ctx context.Context, engine Engine, preheat []Preheat, dir, identity string) error {
	ctx, cancel := context.WithTimeout(ctx, tryDeadline)
	defer cancel()
	snapshot, err := LoadSnapshot(dir, identity)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	m, err := Restore(ctx, engine, snapshot)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.ping(ctx); err != nil {
		return err
	}
	return m.Preheat(ctx, preheat)
}

func makeParent(dir string) string {
	parent := filepath.Dir(dir)
	_ = os.MkdirAll(parent, 0o755) // MkdirTemp tells if that failed
	return parent
}

// unfinished is how the names of folders begin in which a snapshot for dir is
// being saved.
func unfinished(dir string) string { return ".unfinished-" + filepath.Base(dir) }

// Folders in which images are made are used for less than bootDeadline.
const (
	bootPrefix = ".boot-"
	bootKept   = time.Hour
)

// mostSnapshots are kept: kernels are removed and become newer, and their
// snapshots, of some 80 MB each, would stay for ever.
const mostSnapshots = 12

// sweep removes what processes that were killed meanwhile have left, and the
// snapshots that were not used for longest. The caller has the lock of the
// kernel whose snapshots' names begin so.
func sweep(folder, kernel string) {
	prune(folder, mostSnapshots-1) // one more is coming
	left, err := filepath.Glob(filepath.Join(folder, unfinished(kernel)+"*"))
	if err != nil { // a folder that looks like a pattern; nothing depends on it
		return
	}
	for _, folder := range left {
		_ = os.RemoveAll(folder)
	}
	images, _ := filepath.Glob(filepath.Join(folder, bootPrefix+"*"))
	for _, folder := range images {
		if info, err := os.Stat(folder); err == nil && time.Since(info.ModTime()) > bootKept {
			_ = os.RemoveAll(folder)
		}
	}
}

// prune leaves so many snapshots in a folder. Whoever has one open keeps it.
func prune(folder string, kept int) {
	type used struct {
		dir  string
		last time.Time
	}
	var list []used
	found, _ := filepath.Glob(filepath.Join(folder, "*", metaFile)) // none in a folder that looks like a pattern
	for _, meta := range found {
		if info, err := os.Stat(meta); err == nil && !strings.HasPrefix(filepath.Base(filepath.Dir(meta)), ".") {
			list = append(list, used{filepath.Dir(meta), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b used) int { return b.last.Compare(a.last) })
	for _, old := range list[min(kept, len(list)):] {
		_ = os.RemoveAll(old.dir)
	}
}

// Preheat runs warming objects in an unused machine.
func (m *Machine) Preheat(ctx context.Context, preheat []Preheat) error {
	for _, p := range preheat {
		ctx, cancel := context.WithTimeout(ctx, preheatDeadline)
		run := p.Run
		run.Quiet = true
		end, err := m.Run(ctx, run, p.Object, runGrace, func(Frame) error { return nil })
		cancel()
		if err != nil {
			return fmt.Errorf("preheat a machine: %w", err)
		}
		if end.State != wire.StateDone {
			return fmt.Errorf("preheat a machine: %s: %s", end.State, end.Message)
		}
	}
	return nil
}

func (m *Machine) save(ctx context.Context, identity string, hello wire.Hello, dir string) error {
	ram, err := os.Create(filepath.Join(dir, ramFile))
	if err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	defer ram.Close()
	state, err := os.Create(filepath.Join(dir, stateFile))
	if err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	defer state.Close()
	if err := m.vm.Save(ctx, ram, state); err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	// metaFile must not reach the disk before what it describes.
	for _, file := range []*os.File{ram, state} {
		if err := file.Sync(); err != nil {
			return fmt.Errorf("save a snapshot: %w", err)
		}
	}
	info, err := state.Stat()
	if err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	text, err := json.MarshalIndent(meta{identity, hello, info.Size()}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, metaFile), append(text, '\n'), 0o644)
}
