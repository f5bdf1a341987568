package machine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
)

// frames keeps what a guest says.
type frames struct {
	stages  []wire.Stage
	results []scene.Result
	// onScene is called when the scene begins.
	onScene func()
}

func (f *frames) take(frame machine.Frame) error {
	switch frame.Kind {
	case wire.KindStep:
		var r scene.Result
		if err := json.Unmarshal(frame.Payload, &r); err != nil {
			return err
		}
		f.results = append(f.results, r)
	case wire.KindStage:
		var s wire.Stage
		if err := json.Unmarshal(frame.Payload, &s); err != nil {
			return err
		}
		f.stages = append(f.stages, s)
		if s.Name == "scene" && s.State == "begin" && f.onScene != nil {
			f.onScene()
		}
	}
	return nil
}

func TestHello(t *testing.T) {
	r := openRig(t)
	hello := r.snapshot.Hello
	if hello.Release != r.kernel.Release {
		t.Errorf("the guest runs Linux %q, want %q", hello.Release, r.kernel.Release)
	}
	if len(hello.Errors) > 0 || hello.Modules == 0 || hello.Seconds <= 0 {
		t.Errorf("hello: %+v", hello)
	}
}

// Clones have the same memory, so what they draw and what time they think it
// is must come from the host.
func TestClonesDiffer(t *testing.T) {
	r := openRig(t)
	const script = "cat /proc/sys/kernel/random/uuid; head -c 16 /dev/urandom | od -An -tx1; date +%s"
	seen := map[string]bool{}
	for range 2 {
		m := r.clone(t)
		before := time.Now().Unix()
		lines := strings.Split(output(t, m, script), "\n")
		after := time.Now().Unix()
		if len(lines) != 3 {
			t.Fatalf("the guest printed %q", lines)
		}
		for _, random := range lines[:2] {
			if seen[random] {
				t.Errorf("two clones drew %q", random)
			}
			seen[random] = true
		}
		if now, err := strconv.ParseInt(lines[2], 10, 64); err != nil || now < before || now > after {
			t.Errorf("the guest's time is %s, want %d to %d", lines[2], before, after)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUsedOnce(t *testing.T) {
	m := openRig(t).clone(t)
	quiet := machine.Preheat{Run: shell(t, "true"), Object: idle}
	if err := m.Preheat(deadline(t), []machine.Preheat{quiet, quiet}); err != nil {
		t.Fatal(err)
	}
	if got := output(t, m, "echo once"); got != "once" {
		t.Errorf("the run printed %q", got)
	}
	_, err := m.Run(deadline(t), shell(t, "true"), idle, time.Second, new(frames).take)
	if !errors.Is(err, machine.ErrUsed) {
		t.Errorf("a second run: %v", err)
	}
	if err := m.Preheat(deadline(t), []machine.Preheat{quiet}); !errors.Is(err, machine.ErrUsed) {
		t.Errorf("preheating after the run: %v", err)
	}
}

// Deaths leave a DiedError; the console has a panic's words to the end.
func TestDeaths(t *testing.T) {
	r := openRig(t)
	for _, c := range []struct{ name, script, console string }{
		{"panic", "echo c >/proc/sysrq-trigger", "Kernel panic - not syncing: sysrq triggered crash"},
		{"reboot", "echo b >/proc/sysrq-trigger", ""},
		{"power off", "echo o >/proc/sysrq-trigger; sleep 100", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := r.clone(t)
			var seen frames
			_, err := m.Run(deadline(t), shell(t, c.script), idle, time.Second, seen.take)
			var died *machine.DiedError
			if !errors.As(err, &died) || !errors.Is(err, machine.ErrDied) {
				t.Fatalf("the run's error is %v", err)
			}
			if !strings.Contains(died.Console, c.console) {
				t.Errorf("the console says %q, want %q in it", died.Console, c.console)
			}
			if len(seen.stages) == 0 {
				t.Error("what the guest said before is lost")
			}
		})
	}
}

// A run that is cancelled while the guest still listens ends with its report;
// a guest that does not get to run any more is given up after the grace.
func TestCancel(t *testing.T) {
	r := openRig(t)
	reason := errors.New("enough")
	t.Run("the guest reports", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(deadline(t))
		seen := frames{onScene: func() { cancel(reason) }}
		end, err := r.clone(t).Run(ctx, shell(t, "sleep 100"), idle, patience, seen.take)
		if err != nil || end.State != wire.StateCancelled {
			t.Errorf("the run ended %+v, %v", end, err)
		}
	})
	t.Run("the guest is in a loop", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(deadline(t))
		m := r.clone(t)
		go waitFor(ctx, func() bool {
			if !strings.Contains(m.Console(), "looping") {
				return false
			}
			cancel(reason)
			return true
		})
		const script = "cd /sys/fs/cgroup; mkdir ice; echo 1 >ice/cgroup.procs; echo 1 >ice/cgroup.freeze;" +
			"echo '<0>looping' >/dev/kmsg; while :; do :; done"
		var seen frames
		end, err := m.Run(ctx, shell(t, script), idle, 100*time.Millisecond, seen.take)
		if !errors.Is(err, reason) {
			t.Errorf("the run ended %+v, %v; it saw %+v", end, err, seen.results)
		}
	})
}

func TestHandlerEndsRun(t *testing.T) {
	enough := errors.New("enough")
	_, err := openRig(t).clone(t).Run(deadline(t), shell(t, "sleep 100"), idle, time.Second,
		func(machine.Frame) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("the run's error is %v", err)
	}
}
