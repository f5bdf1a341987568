package test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/wire"
)

// settleSeconds is for what the kernel frees when readers of RCU are through,
// and for the work queues behind that.
const settleSeconds = 1

// TestTearDown: after warming runs of every kind the kernel holds what it held
// before them, on each kernel.
func TestTearDown(t *testing.T) {
	cases := attachCases(t)
	list := kernels(t)
	buildGuest(t, "-overlay", hoarding(t))
	objects := compileAll(t, append(cases, attachCase{Name: "left"}))
	for _, k := range list {
		t.Run(k.Series, func(t *testing.T) {
			t.Parallel()
			check := tearDown{vms: newClones(t, k), objects: objects}
			// The first step makes struct_ops programs the default, which
			// holds them.
			check.vms.plan.Steps = check.vms.plan.Steps[1:]
			var kinds []string
			for _, c := range cases {
				if c.end(k.Series).State == wire.StateDone {
					kinds = append(kinds, c.Name)
				}
			}
			check.check(t, kinds...)
			// What waits for a neighbour that does not answer is gone after
			// three seconds, and so before all kinds are through.
			check.check(t, "lwt_out")
		})
	}
}

// hoarding is an overlay of the go command that adds testdata/hoard.go to the
// guest.
func hoarding(t *testing.T) string {
	t.Helper()
	var paths []string
	for _, path := range []string{"../cmd/skep-guest/hoard.go", "testdata/hoard.go"} {
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, absolute)
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{paths[0]: paths[1]}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return overlay
}

type tearDown struct {
	vms     *clones
	objects map[string]string // files, by kind
}

// check runs kinds in one machine. Only if something is left, each gets a
// machine of its own, to tell whose it is.
func (d tearDown) check(t *testing.T, kinds ...string) {
	t.Helper()
	left := added(d.holds(t), d.holds(t, kinds...))
	switch {
	case left == "":
	case len(kinds) == 1:
		t.Errorf("programs of kind %s leave:\n%s", kinds[0], left)
	default:
		t.Errorf("programs of %d kinds leave:\n%s", len(kinds), left)
		for _, kind := range kinds {
			d.check(t, kind)
		}
	}
}

// holds lists what the kernel of a machine holds after warming runs.
func (d tearDown) holds(t *testing.T, kinds ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+len(kinds))*runDeadline)
	defer cancel()
	m, err := machine.Restore(ctx, d.vms.engine, d.vms.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, kind := range kinds {
		preheat := machine.Preheat{Run: wire.Run{Scene: d.vms.plan}, Object: d.object(t, kind)}
		if err := m.Preheat(ctx, []machine.Preheat{preheat}); err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, m.Console())
		}
	}
	o := outcome{logs: make(map[string]string)}
	o.end, err = m.Run(ctx, wire.Run{Seconds: settleSeconds}, d.object(t, "left"), time.Second, o.frame)
	if err != nil || o.end.State != wire.StateDone {
		t.Fatalf("end %+v, error %v", o.end, err)
	}
	return o.iterated
}

func (d tearDown) object(t *testing.T, kind string) []byte {
	t.Helper()
	object, err := os.ReadFile(d.objects[kind])
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// added are the lines that one text has more of than another.
func added(before, after string) string {
	count := make(map[string]int)
	for line := range strings.Lines(before) {
		count[line]++
	}
	var more strings.Builder
	for line := range strings.Lines(after) {
		if count[line]--; count[line] < 0 {
			more.WriteString(line)
		}
	}
	return more.String()
}
