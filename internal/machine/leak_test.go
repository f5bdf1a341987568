package machine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"golang.org/x/sys/unix"
)

// waitFor waits until a condition holds or ctx ends.
func waitFor(ctx context.Context, condition func() bool) bool {
	for !condition() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(2 * time.Millisecond):
		}
	}
	return true
}

// process is a line of /proc.
type process struct {
	pid, parent int
	state, name string
}

func processes() []process {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var list []process
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
		fields := strings.Fields(string(text[end+1:]))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:open])))
		parent, _ := strconv.Atoi(fields[1])
		list = append(list, process{pid, parent, fields[0], string(text[open+1 : end])})
	}
	return list
}

// descendants are the processes below pid.
func descendants(pid int) []process {
	all := processes()
	below := map[int]bool{pid: true}
	var found []process
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if below[p.parent] && !below[p.pid] {
				below[p.pid], grown = true, true
				found = append(found, p)
			}
		}
	}
	return found
}

// holdings are what a process must give back: descriptors by what they are,
// children, files in the temporary folder and the shelf's.
func holdings(t *testing.T, dirs ...string) []string {
	t.Helper()
	var list []string
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			kind, _, _ := strings.Cut(target, ":[")
			list = append(list, "descriptor of "+kind)
		}
	}
	for _, p := range descendants(os.Getpid()) {
		list = append(list, fmt.Sprintf("process %d %s", p.pid, p.name))
	}
	for _, dir := range append(dirs, os.TempDir()) {
		names, err := filepath.Glob(filepath.Join(dir, "*skep*"))
		hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil {
			t.Fatal(err)
		}
		if dir == os.TempDir() { // others' are not ours
			names, hidden = nil, nil
			own, _ := filepath.Glob(filepath.Join(dir, filepath.Base(rigDir)+"*"))
			names = append(names, own...)
		}
		list = append(append(list, names...), hidden...)
	}
	slices.Sort(list)
	return list
}

// Close leaves nothing, at whatever moment it comes.
func TestCloseLeavesNothing(t *testing.T) {
	r := openRig(t)
	before := holdings(t, rigDir)
	for _, c := range []struct {
		name string
		use  func(t *testing.T)
	}{
		{"waiting", func(t *testing.T) { r.clone(t).Close() }},
		{"used", func(t *testing.T) {
			m := r.clone(t)
			output(t, m, "echo used")
			m.Close()
		}},
		{"in the middle of a run", func(t *testing.T) {
			m := r.clone(t)
			seen := frames{onScene: func() { go m.Close() }}
			if _, err := m.Run(deadline(t), shell(t, "sleep 100"), idle, time.Second, seen.take); err == nil {
				t.Error("the run of a machine that was closed ended well")
			}
			m.Close()
		}},
		{"died", func(t *testing.T) {
			m := r.clone(t)
			_, _ = m.Run(deadline(t), shell(t, "echo b >/proc/sysrq-trigger"), idle, time.Second, new(frames).take)
			m.Close()
		}},
		{"while it is restored", func(t *testing.T) {
			for range 10 {
				ctx, cancel := context.WithCancel(deadline(t))
				time.AfterFunc(time.Duration(rand.IntN(30))*time.Millisecond, cancel)
				m, err := machine.Restore(ctx, r.shelf.Engine, r.snapshot)
				if err == nil {
					m.Close()
				}
				cancel()
			}
		}},
		{"a pool", func(t *testing.T) {
			pool := machine.NewPool(machine.PoolOptions{Engine: r.shelf.Engine, Snapshot: r.snapshot, Eager: true})
			defer pool.Close()
			m, err := pool.Get(deadline(t))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if got := output(t, m, "echo pooled"); got != "pooled" {
				t.Errorf("the run printed %q", got)
			}
			if err := pool.Ready(deadline(t)); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(c.name, c.use)
		if after := holdings(t, rigDir); !slices.Equal(before, after) {
			t.Fatalf("%s: we hold\n%s\nbefore it was\n%s", c.name, strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
	}
}

// When our process is killed, so are its machines: those that run, those that
// wait, and those that are just being started.
func TestKilledHostLeavesNothing(t *testing.T) {
	openRig(t)
	// Orphans become our children, so that we see what is left.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	for _, c := range []struct {
		name  string
		times int
	}{{"pool", 1}, {"restore", 8}} {
		t.Run(c.name, func(t *testing.T) {
			for range c.times {
				h := startHelper(t, c.name, rigDir)
				h.word(t)
				if c.name == "pool" && len(machinesOf(h.Process.Pid)) != 2 {
					t.Errorf("the helper has %v", descendants(h.Process.Pid))
				}
				time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // any moment
				if err := h.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = h.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				gone := waitFor(ctx, reapAll)
				cancel()
				if !gone {
					t.Fatalf("there are still %v", descendants(os.Getpid()))
				}
			}
		})
	}
}

func machinesOf(pid int) []process {
	return slices.DeleteFunc(descendants(pid), func(p process) bool {
		return !strings.HasPrefix(p.name, "qemu-system")
	})
}

// reapAll tells whether all our children have ended.
func reapAll() bool {
	for _, p := range descendants(os.Getpid()) {
		if p.parent != os.Getpid() || p.state != "Z" {
			return false
		}
		_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
	}
	return true
}
