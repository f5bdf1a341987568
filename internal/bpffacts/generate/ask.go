package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/skep-dev/skep/internal/bpffacts"
	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/wire"
)

// askDeadline bounds the boot of one kernel and all its answers. They take
// half a minute under emulation on a machine that does nothing else.
const askDeadline = 15 * time.Minute

// ask boots a kernel with the probe as its first process and gathers the
// answers.
func ask(ctx context.Context, k *kernel.Kernel, job probe.Job) (*told, error) {
	work, err := os.MkdirTemp("", "skep-bpffacts-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := buildGuest(ctx, work); err != nil {
		return nil, err
	}
	engine, err := qemu.New(qemu.Options{KVM: qemu.KVMWorks(filepath.Dir(kernel.DefaultDir()))})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	var answers *told
	shelf := &machine.Shelf{Dir: work, Engine: engine}
	err = shelf.WithImage(k, func(image machine.Image) error {
		m, _, err := machine.Boot(ctx, engine, image)
		if err != nil {
			return err
		}
		defer m.Close()
		answers, err = gather(ctx, m, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask Linux %s: %w", k.Series, err)
	}
	return answers, nil
}

// buildGuest builds the probe where machines look for their guest.
func buildGuest(ctx context.Context, dir string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-o", filepath.Join(dir, libexec.Guest), "github.com/skep-dev/skep/internal/bpffacts/generate/probe/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the probe: %w: %s", err, out)
	}
	return os.Setenv("SKEP_LIBEXEC", dir)
}

// told is all that a kernel said.
type told struct {
	Answers []probe.Answer
	Events  []probe.Event
}

func gather(ctx context.Context, m *machine.Machine, job []byte) (*told, error) {
	answers := &told{}
	end, err := m.Run(ctx, wire.Run{}, job, time.Second, func(f machine.Frame) error {
		var log wire.Log
		if f.Kind != wire.KindLog {
			return fmt.Errorf("the probe sent a frame of kind %q", byte(f.Kind))
		}
		if err := json.Unmarshal(f.Payload, &log); err != nil {
			return err
		}
		if log.Program == "events" {
			return json.Unmarshal([]byte(log.Text), &answers.Events)
		}
		var answer probe.Answer
		if err := json.Unmarshal([]byte(log.Text), &answer); err != nil {
			return err
		}
		answers.Answers = append(answers.Answers, answer)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if end.State != wire.StateDone {
		return nil, fmt.Errorf("%s: %s", end.State, end.Message)
	}
	return answers, nil
}

// A verdict is what the verifier's words mean for a call.
type verdict int

const (
	allowed verdict = iota
	forbidden
	gplOnly     // allowed, but for the licence
	conditional // not for what this program is attached to
	unclear
)

// helperVerdicts are the words of check_helper_call (kernel/bpf/verifier.c) of
// all kernels. Whatever else is said against a call is about its arguments,
// which are looked at only if the call as such is allowed.
var helperVerdicts = []struct {
	words   string
	verdict verdict
}{
	{"cannot call GPL-restricted function", gplOnly},
	{"GPL-restricted", gplOnly},
	{"helper call is not allowed in probe", conditional},
	{"unknown func", forbidden},
	{"program of this type cannot use helper", forbidden},
	{"invalid func", forbidden},
	{"might sleep in a non-sleepable prog", forbidden},
	{"sleepable helper", forbidden},
	{"not supported for program type", forbidden},
	{"supported only for fentry/fexit", forbidden},
	{"kernel subsystem misconfigured func", forbidden},
}

// kfuncVerdicts are those of check_kfunc_call and what it calls.
var kfuncVerdicts = []struct {
	words   string
	verdict verdict
}{
	{"program must be sleepable to call sleepable kfunc", forbidden},
	{"css_task_iter is only allowed in", forbidden},
}

func helperVerdict(log string) verdict {
	for _, v := range helperVerdicts {
		if strings.Contains(log, v.words) {
			return v.verdict
		}
	}
	return otherVerdict(log)
}

func kfuncVerdict(log string) verdict {
	if strings.HasPrefix(log, "calling kernel function") && strings.Contains(log, "is not allowed") {
		return forbidden
	}
	for _, v := range kfuncVerdicts {
		if strings.Contains(log, v.words) {
			return v.verdict
		}
	}
	return otherVerdict(log)
}

// otherVerdict is for words that are not about the call as such. There have to
// be some: a load can also fail for want of memory.
func otherVerdict(log string) verdict {
	if log != "" && (isErrno(log) || firstLine(log) == "") {
		return unclear
	}
	return allowed
}

// isOffload says whether a kfunc is for XDP programs that are bound to a device.
// Other programs hear the same (bpf_dev_bound_kfunc_check in
// kernel/bpf/offload.c), but never may call it.
func isOffload(log string) bool { return strings.Contains(log, "metadata kfuncs require device-bound") }

// isErrno says whether the verifier said nothing, so that the error of the
// system call stands for it.
func isErrno(log string) bool {
	return log != "" && log == strings.ToUpper(log) && !strings.ContainsAny(log, " \n")
}

// A calls is what one hook may call, over all its targets.
type calls struct {
	asked         int
	refused       string
	needsGPL      bool
	helpers, some map[int]bool // by number
	kfuncs        map[int]bool // by place in the job
}

// digested are the answers of one kernel.
type digested struct {
	hooks map[string]*calls
	gpl   map[int]bool // helpers that are GPL-only
	known map[int]bool // helpers that some program may call
}

// digest puts the answers about each hook together.
func digest(answers []probe.Answer, job probe.Job) (*digested, error) {
	d := &digested{hooks: make(map[string]*calls), gpl: make(map[int]bool), known: make(map[int]bool)}
	var problems []error
	hasTarget := make(map[string]bool)
	for _, h := range job.Hooks {
		hasTarget[h.Name] = h.AttachBTF != 0
	}
	for _, answer := range answers {
		c := d.hooks[answer.Name]
		if c == nil {
			c = &calls{helpers: make(map[int]bool), some: make(map[int]bool), kfuncs: make(map[int]bool)}
			d.hooks[answer.Name] = c
		}
		if answer.Refused != "" {
			if c.asked == 0 {
				c.refused = reason(answer.Refused)
			}
			continue
		}
		c.refused, c.needsGPL = "", answer.NeedsGPL
		problems = append(problems, c.add(answer, d, hasTarget[answer.Name]))
	}
	for _, c := range d.hooks {
		for id := range c.helpers {
			d.known[id] = true
		}
		for id := range c.some {
			d.known[id] = true
		}
	}
	return d, errors.Join(problems...)
}

// add takes one target's answer. What all targets allow is allowed, what only
// some do depends.
func (c *calls) add(answer probe.Answer, d *digested, hasTarget bool) error {
	yes := make(map[int]bool)
	for i, log := range answer.Helpers {
		switch helperVerdict(log) {
		case gplOnly:
			d.gpl[i+1], yes[i+1] = true, true
		case allowed:
			yes[i+1] = true
		case conditional:
			if hasTarget {
				c.some[i+1] = true
			}
		case unclear:
			return fmt.Errorf("%s: helper %d: %s", answer.Name, i+1, log)
		}
	}
	for i, log := range answer.Kfuncs {
		switch kfuncVerdict(log) {
		case allowed:
			c.kfuncs[i] = !isOffload(log) || strings.HasPrefix(answer.Name, "xdp")
		case unclear:
			return fmt.Errorf("%s: kfunc %d of the job: %s", answer.Name, i, log)
		}
	}
	if c.asked == 0 {
		c.helpers = yes
	}
	for id := range yes {
		if !c.helpers[id] {
			c.some[id] = true
		}
	}
	for id := range c.helpers {
		if !yes[id] {
			c.some[id] = true
			delete(c.helpers, id)
		}
	}
	for id := range c.some {
		delete(c.helpers, id)
	}
	c.asked++
	return nil
}

// statistics is what the verifier says at the end of any log.
var statistics = regexp.MustCompile(`^(verification time|stack depth|subprog \d|processed|insns|max_states)`)

// reason makes one line of what the kernel says against a program that does
// nothing.
func reason(log string) string {
	if isErrno(log) {
		return "it was built without such programs (" + log + ")"
	}
	if strings.Contains(log, "is not sleepable") {
		return "no function of it lets sleepable programs be attached to it"
	}
	if line := firstLine(log); line != "" {
		return line
	}
	return "it knows no such programs"
}

// firstLine is the first line of a log that is not statistics.
func firstLine(log string) string {
	for line := range strings.Lines(log) {
		if line = strings.TrimSpace(line); line != "" && !statistics.MatchString(line) {
			return line
		}
	}
	return ""
}

// numbering gives equal sets one place.
type numbering struct {
	sets []bpffacts.Set
}

func (n *numbering) place(numbers map[int]bool) int {
	set := bpffacts.NewSet(slices.Sorted(maps.Keys(numbers)))
	i := slices.Index(n.sets, set)
	if i < 0 {
		i = len(n.sets)
		n.sets = append(n.sets, set)
	}
	return i
}
