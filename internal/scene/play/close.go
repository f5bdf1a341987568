package play

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// closeLimit bounds the hunt for processes that fork while they are killed.
const closeLimit = 5 * time.Second

// Close kills every process that the plan started: the actors, their commands,
// and what those left behind. It may be called while Run is under way, which
// then ends.
//
// What escapes without a cgroup: a process that made itself a session leader
// under an actor that was killed before. In the guest the machine's end takes
// it.
func (p *Player) Close() error {
	p.close.Do(func() { p.left = p.end() })
	return p.left
}

func (p *Player) end() error {
	deadline := time.Now().Add(closeLimit)
	// The actors are stopped first, so that they start nothing more, and
	// killed after all that is below them: as subreapers they keep it
	// together. What one started at the moment of the stop comes to us.
	seen := map[int]bool{}
	for _, process := range p.actors {
		process.signal(unix.SIGSTOP)
	}
	p.killDescendants(seen, deadline)
	for _, process := range p.actors {
		process.kill()
	}
	for _, process := range p.actors {
		<-process.gone
	}
	left := p.killDescendants(seen, deadline)
	cgroupErr := p.killCgroups(deadline)
	for pid := range seen { // those that came to us when their actor ended
		for time.Now().Before(deadline) {
			done, err := retry(func() (int, error) { return unix.Wait4(pid, nil, unix.WNOHANG, nil) })
			if err != nil || done == pid {
				break
			}
			time.Sleep(time.Millisecond) // a killed process ends by itself
		}
	}
	p.playing.Lock() // steps under way have seen their actor's end
	defer p.playing.Unlock()
	p.closed = true
	for _, process := range p.actors {
		process.release()
	}
	if left > 0 {
		return errors.Join(fmt.Errorf("%d processes of the scene could not be killed within %s", left, closeLimit), cgroupErr)
	}
	return cgroupErr
}

// killDescendants kills what actors started until nothing is left of it. It
// notes every process that it saw.
func (p *Player) killDescendants(seen map[int]bool, deadline time.Time) (left int) {
	for {
		left = 0
		for _, stray := range p.strays() {
			seen[stray.pid] = true
			if stray.state != 'Z' {
				left++
				_ = unix.Kill(stray.pid, unix.SIGKILL)
			}
		}
		if left == 0 || !time.Now().Before(deadline) {
			return left
		}
		time.Sleep(time.Millisecond) // killed processes end by themselves
	}
}

// strays are the processes below the actors, and those of actors' sessions
// that came to this process when their actor ended.
func (p *Player) strays() []status {
	all := processes()
	below := map[int]bool{}
	sessions := map[int]bool{}
	for _, process := range p.actors {
		if process.hasEnded() {
			sessions[process.pid] = true
		} else {
			below[process.pid] = true
		}
	}
	self := os.Getpid()
	var strays []status
	for again := true; again; {
		again = false
		for pid, s := range all {
			if below[pid] || !below[s.parent] && (s.parent != self || !sessions[s.session]) {
				continue
			}
			below[pid], again = true, true
			strays = append(strays, s)
		}
	}
	return strays
}

// A status is the beginning of /proc/PID/stat.
type status struct {
	pid, parent, session int
	state                byte
}

func processes() map[int]status {
	folder, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	all := make(map[int]status, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name in parentheses may hold anything; fields follow the last.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 4 {
			continue
		}
		parent, _ := strconv.Atoi(string(fields[1]))
		session, _ := strconv.Atoi(string(fields[3]))
		all[pid] = status{pid: pid, parent: parent, session: session, state: fields[0][0]}
	}
	return all
}

// killCgroups kills what is left in the cgroups that were made, and removes
// them.
func (p *Player) killCgroups(deadline time.Time) error {
	var errs []error
	for i := len(p.cgroups) - 1; i >= 0; i-- {
		path := p.cgroups[i]
		_ = os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0) // since Linux 5.14
		for {
			err := unix.Rmdir(path)
			if err == nil || errors.Is(err, unix.ENOENT) {
				break
			}
			if !time.Now().Before(deadline) {
				errs = append(errs, fmt.Errorf("remove cgroup %s: %w", path, err))
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return errors.Join(errs...)
}
