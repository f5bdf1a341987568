package play

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

// A process is an actor's process as its player sees it.
type process struct {
	pid    int
	pidfd  int // a signal through it reaches no other process that got the pid
	memory []byte
	lanes  []*orders
	gone   chan struct{}   // closed when it has ended and was waited for
	status unix.WaitStatus // set before gone is closed
}

// orders are the sending side of a lane.
type orders struct {
	lane
	mu     sync.Mutex // held while an order is under way
	number uint32
}

// spawn starts a blank actor. cgroupFD is a folder to start in, or -1.
func spawn(lanes, cgroupFD int) (*process, error) {
	shared, memory, err := lanesFile(lanes)
	if err != nil {
		return nil, err
	}
	defer unix.Close(shared)
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		_ = unix.Munmap(memory)
		return nil, fmt.Errorf("start an actor: open /dev/null: %w", err)
	}
	defer unix.Close(null)
	p := &process{pidfd: -1, memory: memory, gone: make(chan struct{})}
	p.pid, err = syscall.ForkExec("/proc/self/exe", []string{actorName}, &syscall.ProcAttr{
		Dir: "/",
		// Without preemption the runtime sends its threads no SIGURG, which
		// a program that traces signals would see.
		Env:   []string{"PATH=" + commandPath, "HOME=/", "GODEBUG=asyncpreemptoff=1", lanesKey + "=" + strconv.Itoa(lanes)},
		Files: []uintptr{uintptr(null), uintptr(null), uintptr(null), uintptr(shared)},
		// Its session tells what it leaves behind if it is killed.
		Sys: &syscall.SysProcAttr{Setsid: true, PidFD: &p.pidfd, UseCgroupFD: cgroupFD >= 0, CgroupFD: max(cgroupFD, 0)},
	})
	if err != nil {
		_ = unix.Munmap(memory)
		return nil, fmt.Errorf("start an actor: execute %s again: %w", os.Args[0], err)
	}
	for i := range lanes {
		p.lanes = append(p.lanes, &orders{lane: laneAt(memory, i)})
	}
	go p.await()
	return p, nil
}

// await ends with the process.
func (p *process) await() {
	_, err := retry(func() (int, error) { return unix.Wait4(p.pid, &p.status, 0, nil) })
	if err != nil {
		p.status = 0
	}
	close(p.gone)
	for _, o := range p.lanes {
		o.wake()
	}
}

// ended says how a process ended, once gone is closed.
func (p *process) ended() string {
	if p.status.Signaled() {
		return "killed by " + unix.SignalName(p.status.Signal())
	}
	return "exit code " + strconv.Itoa(p.status.ExitStatus())
}

// send gives an order to one lane and waits for its answer.
func (p *process) send(ctx context.Context, index int, o order) (plan.Result, error) {
	message, err := json.Marshal(o)
	if err != nil {
		return plan.Result{}, fmt.Errorf("encode an order: %w", err)
	}
	lane := p.lanes[index]
	lane.mu.Lock()
	defer lane.mu.Unlock()
	lane.number++
	if err := lane.putOrder(lane.number, message); err != nil {
		return plan.Result{}, err
	}
	answer, err := lane.awaitAnswer(ctx, lane.number, p.gone)
	if err != nil {
		return plan.Result{}, err
	}
	var result plan.Result
	if err := json.Unmarshal(answer, &result); err != nil {
		return plan.Result{}, fmt.Errorf("understand an actor's answer: %w", err)
	}
	return result, nil
}

// tell gives an order that is no step.
func (p *process) tell(ctx context.Context, index int, o order) error {
	result, err := p.send(ctx, index, o)
	if err == nil && !result.OK {
		err = fmt.Errorf("%s", result.Error)
	}
	return err
}

// signal fails only for a process that has ended.
func (p *process) signal(number unix.Signal) { _ = unix.PidfdSendSignal(p.pidfd, number, nil, 0) }

func (p *process) kill() { p.signal(unix.SIGKILL) }

func (p *process) hasEnded() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// release gives back what is left of a process that is gone. No order may be
// under way.
func (p *process) release() {
	unix.Close(p.pidfd)
	_ = unix.Munmap(p.memory)
}

// Spares are blank actors that were started ahead of time: in a machine before
// its snapshot is taken, so that a run does not pay for their start.
type Spares struct {
	mu        sync.Mutex
	processes []*process
}

// spareLanes is enough for scenes whose actors do one or two things at a time.
const spareLanes = 2

// Warm starts blank actors and waits until they are ready for orders. Each has
// carried out one: what a process finds out and allocates only once is done.
func Warm(ctx context.Context, count int) (*Spares, error) {
	s := &Spares{}
	for range count {
		p, err := spawn(spareLanes, -1)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.processes = append(s.processes, p)
	}
	for _, p := range s.processes {
		for i := range p.lanes {
			if err := p.tell(ctx, i, order{}); err != nil {
				s.Close()
				return nil, fmt.Errorf("warm an actor: %w", err)
			}
		}
		// How that step ends does not matter.
		if _, err := p.send(ctx, 0, order{Step: &plan.Step{Kind: "run", Args: warmingArgs}}); err != nil {
			s.Close()
			return nil, fmt.Errorf("warm an actor: %w", err)
		}
	}
	return s, nil
}

var warmingArgs = json.RawMessage(`{"argv":["/bin/true"]}`)

// Left is how many spares nobody has taken yet.
func (s *Spares) Left() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.processes)
}

// take returns a spare with enough lanes, or nil.
func (s *Spares) take(lanes int) *process {
	if s == nil || lanes > spareLanes {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.processes) > 0 {
		last := len(s.processes) - 1
		p := s.processes[last]
		s.processes = s.processes[:last]
		if !p.hasEnded() {
			return p
		}
		p.release()
	}
	return nil
}

// Close ends the spares that no player took.
func (s *Spares) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		p.kill()
		<-p.gone
		p.release()
	}
	s.processes = nil
}
