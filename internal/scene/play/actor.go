package play

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

const (
	actorName    = "skep-actor"
	lanesKey     = "SKEP_ACTOR_LANES"
	actorLanesFD = 3
)

func isActor() bool { return os.Args[0] == actorName && os.Getenv(lanesKey) != "" }

// The main goroutine stays on the process's first thread only if it is locked
// there while packages are initialised.
func init() {
	if isActor() {
		runtime.LockOSThread()
	}
}

// MaybeActor serves as an actor and never returns, if this process was started
// as one. It must be the first thing that main does, and TestMain of tests
// that play plans.
func MaybeActor() {
	if !isActor() {
		return
	}
	if err := serveActor(); err != nil {
		fmt.Fprintln(os.Stderr, "skep-actor:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// An actor is the state of one process of the scene.
type actor struct {
	comm string            // the name of all threads
	cast map[string]int    // actors' process ids
	net  map[string]string // network namespaces: name to path

	mu          sync.Mutex
	descriptors map[string]int
	commands    map[string]*command
}

// An order is what the player wants an actor to do: one of the fields.
type order struct {
	Become *become    `json:"become,omitempty"`
	Enter  string     `json:"enter,omitempty"` // a network namespace, for the thread
	Cast   *cast      `json:"cast,omitempty"`
	Step   *plan.Step `json:"step,omitempty"`
}

// become makes an actor of a blank process.
type become struct {
	Comm string `json:"comm"`
	User *user  `json:"user,omitempty"`
}

type cast struct {
	PIDs  map[string]int    `json:"pids"`
	Netns map[string]string `json:"netns,omitempty"`
}

func serveActor() error {
	lanes, err := strconv.Atoi(os.Getenv(lanesKey))
	if err != nil || lanes < 1 || lanes > plan.MaxLanes {
		return fmt.Errorf("%s is %q", lanesKey, os.Getenv(lanesKey))
	}
	memory, err := unix.Mmap(actorLanesFD, 0, lanes*laneBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the lanes: %w", err)
	}
	unix.Close(actorLanesFD)
	_ = os.Unsetenv(lanesKey) // only fails for empty names
	if err := prepareProcess(); err != nil {
		return err
	}
	parent := unix.Getppid()
	alive := func() bool { return unix.Getppid() == parent }
	a := &actor{comm: plan.DefaultActor, cast: map[string]int{}, descriptors: map[string]int{}, commands: map[string]*command{}}
	for i := 1; i < lanes; i++ {
		go func() {
			runtime.LockOSThread()
			a.serve(laneAt(memory, i), alive)
		}()
	}
	a.serve(laneAt(memory, 0), alive)
	return nil
}

// prepareProcess sets what does not depend on who the actor will be.
func prepareProcess() error {
	unix.Umask(0o022)
	// What commands leave behind stays below the actor, where it is found.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	// A command's output goes to memory: no file of a scene may fill it.
	signal.Ignore(unix.SIGXFSZ)
	limit := unix.Rlimit{Cur: maxFileBytes, Max: maxFileBytes}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return fmt.Errorf("limit file sizes: %w", err)
	}
	// Most scenes have the default actor only, whose name is set before it is
	// known to be it.
	return setComm(plan.DefaultActor)
}

// maxFileBytes is the size beyond which a scene cannot write to a file: EFBIG.
const maxFileBytes = 16 << 20

// serve takes orders on one thread.
func (a *actor) serve(l lane, alive func() bool) {
	var last uint32
	for {
		number, message, ok := l.nextOrder(last, alive)
		if !ok {
			return
		}
		last = number
		answer, err := json.Marshal(a.obey(message))
		if err == nil {
			err = l.putAnswer(number, answer)
		}
		if err != nil {
			answer, _ = json.Marshal(plan.Result{Error: fmt.Sprintf("hand back what was seen: %v", err)})
			_ = l.putAnswer(number, answer) // fits: it is short
		}
	}
}

// obey carries out one order. For those that are no steps only OK and Error
// of the result matter.
func (a *actor) obey(message []byte) plan.Result {
	var o order
	if err := json.Unmarshal(message, &o); err != nil {
		return plan.Result{Error: fmt.Sprintf("understand the order: %v", err)}
	}
	var err error
	switch {
	case o.Step != nil:
		return a.performIn(o.Step)
	case o.Enter != "":
		err = a.enter(o.Enter)
	case o.Become != nil:
		err = a.become(o.Become)
	case o.Cast != nil:
		a.cast, a.net = o.Cast.PIDs, o.Cast.Netns
	}
	if err != nil {
		return plan.Result{Error: err.Error()}
	}
	return plan.Result{OK: true}
}

func (a *actor) become(b *become) error {
	if b.Comm != a.comm {
		if err := setComm(b.Comm); err != nil {
			return err
		}
		a.comm = b.Comm
	}
	if b.User == nil {
		return nil
	}
	return b.User.become()
}

// setComm names every thread of the process: those of the runtime too, so that
// a program which filters by name sees one process. Package os would bring up
// the runtime's poller for that, and with it descriptors and a thread.
func setComm(name string) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("name the actor: %w", err)
	}
	for _, task := range tasks {
		fd, err := unix.Open("/proc/self/task/"+task.Name()+"/comm", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			_, err = unix.Write(fd, []byte(name))
			unix.Close(fd)
		}
		// A thread may just have ended.
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("name the actor: %w", err)
		}
	}
	return nil
}

// performIn performs a step in the network namespace that it names.
func (a *actor) performIn(s *plan.Step) plan.Result {
	if s.Netns == "" {
		return a.perform(s)
	}
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return plan.Result{Error: fmt.Sprintf("open the actor's network namespace: %v", err)}
	}
	defer unix.Close(home)
	if err := a.enter(s.Netns); err != nil {
		return plan.Result{Error: err.Error()}
	}
	result := a.perform(s)
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		result.OK = false
		result.Error = fmt.Sprintf("go back to the actor's network namespace: %v", err)
	}
	return result
}

// enter moves the calling thread into a network namespace.
func (a *actor) enter(name string) error {
	path, known := a.net[name]
	if !known {
		path = netnsDir + name
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open network namespace %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %q (only root may): %w", name, err)
	}
	return nil
}

const netnsDir = "/run/netns/"

// descriptor returns a descriptor that an earlier step named.
func (a *actor) descriptor(name string) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fd, known := a.descriptors[name]
	if !known {
		return -1, fmt.Errorf("this actor has no open file or socket named %q", name)
	}
	return fd, nil
}

// name keeps a descriptor for later steps. One that had the name is closed.
func (a *actor) name(name string, fd int) {
	a.mu.Lock()
	old, known := a.descriptors[name]
	a.descriptors[name] = fd
	a.mu.Unlock()
	if known {
		unix.Close(old)
	}
}

func (a *actor) forget(name string) {
	a.mu.Lock()
	delete(a.descriptors, name)
	a.mu.Unlock()
}

// retry makes a call again while signals interrupt it.
func retry[T any](do func() (T, error)) (T, error) {
	for {
		value, err := do()
		if err != syscall.EINTR { //nolint:errorlint // a bare errno, on the path that is traced
			return value, err
		}
	}
}
