package machine_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"golang.org/x/sys/unix"
)

// Clones share the memory file with us and with one another. None may change
// it, even if its QEMU were taken over.
func TestSnapshotIsSealed(t *testing.T) {
	ram, state, err := openRig(t).snapshot.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	for _, file := range []*os.File{ram, state} {
		path := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
		if opened, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
			if _, err := opened.WriteAt([]byte("x"), 0); err == nil {
				t.Errorf("%s can be written when opened anew", file.Name())
			}
			if err := opened.Truncate(1); err == nil {
				t.Errorf("%s can be shortened", file.Name())
			}
			if _, err := unix.Mmap(int(opened.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
				t.Errorf("%s can be mapped shared and writable", file.Name())
			}
			opened.Close()
		}
		if err := os.Truncate(path, 1); err == nil {
			t.Errorf("%s can be shortened by its path", file.Name())
		}
		if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL); err == nil {
			t.Errorf("the seals of %s can be changed", file.Name())
		}
	}
	private, err := unix.Mmap(int(ram.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("the memory cannot be mapped privately: %v", err)
	}
	defer unix.Munmap(private)
	var first [1]byte
	private[0]++
	if _, err := ram.ReadAt(first[:], 0); err != nil || first[0] == private[0] {
		t.Errorf("a private write reached the file: %v", err)
	}
}

// prepareFake saves a snapshot of a machine that only seems to be one.
func prepareFake(t *testing.T, identity string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "6.6-abc")
	if err := machine.Prepare(t.Context(), &fakeEngine{}, machine.Image{}, nil, dir, identity); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadSnapshot(t *testing.T) {
	for _, c := range []struct {
		name, identity string
		damage         func(dir string) error
		want           error
	}{
		{"whole", "ours", func(string) error { return nil }, nil},
		{"of other parts", "another", func(string) error { return nil }, machine.ErrNoSnapshot},
		{"none", "ours", os.RemoveAll, machine.ErrNoSnapshot},
		{"no description", "ours", func(dir string) error {
			return os.Remove(filepath.Join(dir, "snapshot.json"))
		}, machine.ErrNoSnapshot},
		{"half a description", "ours", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "snapshot.json"), 30)
		}, machine.ErrNoSnapshot},
		{"no memory", "ours", func(dir string) error {
			return os.Remove(filepath.Join(dir, "ram"))
		}, machine.ErrNoSnapshot},
		{"half the memory", "ours", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "ram"), machine.Memory/2)
		}, machine.ErrNoSnapshot},
		{"no state", "ours", func(dir string) error {
			return os.Remove(filepath.Join(dir, "state"))
		}, machine.ErrNoSnapshot},
		{"half the state", "ours", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "state"), 3)
		}, machine.ErrNoSnapshot},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := prepareFake(t, "ours")
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			s, err := machine.LoadSnapshot(dir, c.identity)
			if !errors.Is(err, c.want) {
				t.Fatalf("LoadSnapshot: %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			defer s.Close()
			if err := s.Wait(t.Context()); err != nil || s.Hello.Release != "6.6.6" {
				t.Errorf("Wait: %v; hello: %+v", err, s.Hello)
			}
			_, state, err := s.Files()
			if err != nil {
				t.Fatal(err)
			}
			defer state.Close()
			if text, err := io.ReadAll(state); err != nil || string(text) != "all registers are zero" {
				t.Errorf("the state is %q, %v", text, err)
			}
		})
	}
}

// A snapshot whose clone does not go on is not kept: a second one is made.
func TestPrepareTries(t *testing.T) {
	engine := &fakeEngine{}
	engine.asleep.Store(1)
	machine.SetTryDeadline(t, 50*time.Millisecond)
	dir := filepath.Join(t.TempDir(), "6.6-abc")
	if err := machine.Prepare(t.Context(), engine, machine.Image{}, nil, dir, "ours"); err != nil {
		t.Fatal(err)
	}
	if boots, alive := engine.boots.Load(), engine.alive.Load(); boots != 2 || alive != 0 {
		t.Errorf("%d machines were booted, %d are alive; want 2 and 0", boots, alive)
	}
}

// Several processes that need the same snapshot at once make it once, and
// sweep away what one that was killed has left.
func TestPreparedOnce(t *testing.T) {
	dir := t.TempDir()
	_, k, err := openShelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	name := k.Series + "-" + k.ID()[:12] + "-"
	left := filepath.Join(dir, ".unfinished-"+name+"123")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	helpers := []helper{startHelper(t, "prepare", dir), startHelper(t, "prepare", dir)}
	for _, h := range helpers {
		h.word(t)
	}
	for _, h := range helpers {
		fmt.Fprintln(h.hears)
	}
	var boots []string
	for _, h := range helpers {
		boots = append(boots, h.word(t))
		if err := h.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(boots, " "); got != "0 1" && got != "1 0" {
		t.Errorf("the processes booted %s times", got)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*")) // with those that begin with a dot
	if err != nil || len(names) != 2 || filepath.Ext(names[0]) != ".lock" || !strings.HasPrefix(filepath.Base(names[1]), name) {
		t.Errorf("the shelf has %v", names)
	}
}
