package play

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

// Options say where a plan is played. The zero value is right in the guest.
type Options struct {
	// Netns maps names of network namespaces to paths. What is not in it
	// is looked for in /run/netns.
	Netns map[string]string
	// CgroupRoot is the cgroup2 folder below which actors' cgroups are
	// made. Empty: /sys/fs/cgroup.
	CgroupRoot string
	// Spares are actors that were started ahead of time.
	Spares *Spares
}

// A Player has the actors of one plan. Close must be called.
type Player struct {
	plan    plan.Plan
	options Options
	names   []string
	actors  map[string]*process
	cgroups []string

	reports sync.Mutex   // one report at a time
	playing sync.RWMutex // held for reading while an order is under way
	closed  bool         // guarded by playing
	close   sync.Once
	left    error // what Close returned
}

// startLimit bounds how long actors may take to come up: an exec of this
// binary each, in a machine that may be slow.
const startLimit = 30 * time.Second

// Start starts the plan's actors. They do nothing until Setup or Run.
//
// The calling process becomes a child subreaper, unless it is the machine's
// first process, so that what a killed actor leaves behind can be found.
func Start(p plan.Plan, o Options) (*Player, error) {
	if err := checkPlan(&p); err != nil {
		return nil, err
	}
	if unix.Getpid() != 1 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("become a subreaper: %w", err)
		}
	}
	if o.CgroupRoot == "" {
		o.CgroupRoot = "/sys/fs/cgroup"
	}
	player := &Player{plan: p, options: o, actors: map[string]*process{}}
	for _, actor := range p.Actors {
		if err := player.engage(actor); err != nil {
			return nil, errors.Join(fmt.Errorf("actor %q: %w", actor.Name, err), player.Close())
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for _, actor := range p.Actors {
		if err := player.instruct(ctx, actor); err != nil {
			return nil, errors.Join(fmt.Errorf("actor %q: %w", actor.Name, err), player.Close())
		}
	}
	return player, nil
}

// checkPlan fills in the default actor and refuses what no drawn plan has.
func checkPlan(p *plan.Plan) error {
	if len(p.Actors) == 0 {
		p.Actors = []plan.Actor{{Name: plan.DefaultActor}}
	}
	if len(p.Actors) > plan.MaxActors {
		return fmt.Errorf("the plan has %d actors; %d are allowed", len(p.Actors), plan.MaxActors)
	}
	if len(p.Setup)+len(p.Steps) > plan.MaxSteps {
		return fmt.Errorf("the plan has %d steps; %d are allowed", len(p.Setup)+len(p.Steps), plan.MaxSteps)
	}
	seen := map[string]bool{}
	for _, actor := range p.Actors {
		if actor.Name == "" || len(actor.Name) > plan.MaxName || seen[actor.Name] {
			return fmt.Errorf("the plan has an actor without a name of its own (%q)", actor.Name)
		}
		seen[actor.Name] = true
	}
	return nil
}

// engage starts the process of one actor, or takes a spare.
func (p *Player) engage(actor plan.Actor) error {
	lanes := p.lanesOf(actor.Name)
	cgroupFD := -1
	if actor.Cgroup != "" {
		folder, err := p.makeCgroup(actor.Cgroup)
		if err != nil {
			return err
		}
		defer folder.Close()
		cgroupFD = int(folder.Fd())
	}
	var process *process
	if cgroupFD < 0 { // moving a spare costs more than starting in the cgroup
		process = p.options.Spares.take(lanes)
	}
	if process == nil {
		var err error
		if process, err = spawn(lanes, cgroupFD); err != nil {
			return err
		}
	}
	p.names = append(p.names, actor.Name)
	p.actors[actor.Name] = process
	return nil
}

// lanesOf is how many steps of one group an actor performs at most.
func (p *Player) lanesOf(name string) int {
	most := 1
	for _, steps := range [][]plan.Step{p.plan.Setup, p.plan.Steps} {
		for i := range steps {
			count := 0
			for j := range steps[i].Parallel {
				if p.actorOf(&steps[i].Parallel[j]) == name {
					count++
				}
			}
			most = max(most, count)
		}
	}
	return min(most, plan.MaxLanes)
}

func (p *Player) actorOf(s *plan.Step) string {
	if s.Actor == "" {
		return p.plan.Actors[0].Name
	}
	return s.Actor
}

func (p *Player) makeCgroup(name string) (*os.File, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("cgroup %q is not below the root", name)
	}
	path := p.options.CgroupRoot
	for part := range strings.SplitSeq(filepath.Clean(name), "/") {
		path = filepath.Join(path, part)
		err := os.Mkdir(path, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make cgroup %q: %w", name, err)
		}
		p.cgroups = append(p.cgroups, path) // ours to kill and to remove
	}
	return os.Open(path)
}

// instruct tells a blank actor who it is.
func (p *Player) instruct(ctx context.Context, actor plan.Actor) error {
	process := p.actors[actor.Name]
	who, err := resolveUser(actor.User, actor.UID, actor.GID)
	if err != nil {
		return err
	}
	pids := make(map[string]int, len(p.actors))
	for name, other := range p.actors {
		pids[name] = other.pid
	}
	if err := process.tell(ctx, 0, order{Cast: &cast{PIDs: pids, Netns: p.options.Netns}}); err != nil {
		return err
	}
	if actor.Netns != "" {
		// A network namespace is a thread's: each lane goes by itself.
		for i := range process.lanes {
			if err := process.tell(ctx, i, order{Enter: actor.Netns}); err != nil {
				return err
			}
		}
	}
	comm := actor.Comm
	if comm == "" {
		comm = actor.Name
	}
	return process.tell(ctx, 0, order{Become: &become{Comm: comm[:min(len(comm), 15)], User: who}})
}

// ActorPID returns an actor's process id in this process's pid namespace.
func (p *Player) ActorPID(name string) (pid int, known bool) {
	process, known := p.actors[name]
	if !known {
		return 0, false
	}
	return process.pid, true
}

// Setup performs the plan's preparation, Run its steps. Each step is reported
// as it ends, one at a time; a step that goes wrong does not stop those after
// it. The end of ctx does: the step under way is reported as cut short, and
// the error is that of ctx. After that the player can only be closed.
func (p *Player) Setup(ctx context.Context, report func(plan.Result)) error {
	return p.perform(ctx, p.plan.Setup, true, report)
}

// Run performs the plan's steps: see Setup.
func (p *Player) Run(ctx context.Context, report func(plan.Result)) error {
	return p.perform(ctx, p.plan.Steps, false, report)
}

func (p *Player) perform(ctx context.Context, steps []plan.Step, setup bool, report func(plan.Result)) error {
	if report == nil {
		report = func(plan.Result) {}
	}
	tell := func(s *plan.Step, r plan.Result) {
		r.Name, r.Kind, r.Actor, r.Line, r.Setup = s.Title(), s.Kind, p.actorOf(s), s.Line, setup
		p.reports.Lock()
		defer p.reports.Unlock()
		report(r)
	}
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &steps[i]
		if s.Parallel == nil {
			tell(s, p.step(ctx, s, 0))
			continue
		}
		lanes := map[string]int{}
		var group sync.WaitGroup
		for j := range s.Parallel {
			member := &s.Parallel[j]
			index := lanes[p.actorOf(member)]
			lanes[p.actorOf(member)]++
			group.Go(func() { tell(member, p.step(ctx, member, index)) })
		}
		group.Wait()
	}
	return ctx.Err()
}

// grace is how long after a step's deadline its actor may still take to say
// so.
const grace = 2 * time.Second

func (p *Player) step(ctx context.Context, s *plan.Step, index int) plan.Result {
	begin := time.Now()
	process, known := p.actors[p.actorOf(s)]
	if !known || index >= len(process.lanes) {
		return plan.Result{Error: fmt.Sprintf("the plan has no actor %q that can do this", s.Actor)}
	}
	p.playing.RLock()
	defer p.playing.RUnlock()
	if p.closed || process.hasEnded() {
		return plan.Result{Error: fmt.Sprintf("actor %q had ended before (%s)", p.actorOf(s), process.ended())}
	}
	limit, cancel := context.WithTimeout(ctx, timeoutOf(s)+grace)
	defer cancel()
	result, err := process.send(limit, index, order{Step: s})
	switch {
	case err == nil:
		return result
	case errors.Is(err, errGone):
		result = p.death(process, s)
	case ctx.Err() != nil:
		result = plan.Result{Error: fmt.Sprintf("cut short after %.3g s: %v", time.Since(begin).Seconds(), context.Cause(ctx))}
	case limit.Err() != nil:
		// Nothing else ends a thread that waits in the kernel, as in the
		// opening of a fifo.
		process.kill()
		result = plan.Result{Error: fmt.Sprintf("did not end within %s; its actor was killed", timeoutOf(s))}
	default:
		result = plan.Result{Error: err.Error()}
	}
	result.Seconds = time.Since(begin).Seconds()
	return result
}

// death is the result of a step during which its actor ended, which may be
// what it was for.
func (p *Player) death(process *process, s *plan.Step) plan.Result {
	var r plan.Result
	if process.status.Signaled() {
		r.Signal = unix.SignalName(process.status.Signal())
	} else {
		code := process.status.ExitStatus()
		r.Exit = &code
	}
	settle(&r, s, nil)
	if !r.OK {
		r.Error = fmt.Sprintf("actor %q ended meanwhile (%s)", p.actorOf(s), process.ended())
	}
	return r
}
