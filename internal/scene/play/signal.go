package play

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

var (
	_ = perform("signal", sendSignal)
	_ = perform("sleep", sleep)
)

func sendSignal(c *call, s *plan.Signal, r *plan.Result) error {
	number, err := signalNumber(s.Signal)
	if err != nil {
		return err
	}
	pid := unix.Getpid()
	switch {
	case s.Actor != "":
		known := false
		if pid, known = c.cast[s.Actor]; !known {
			return fmt.Errorf("there is no actor %q", s.Actor)
		}
	case s.Command != "":
		command := c.started(s.Command)
		if command == nil {
			return fmt.Errorf("this actor has started no command named %q", s.Command)
		}
		pid = command.pid
	case s.PID != 0:
		pid = s.PID
	}
	r.PID = pid
	return unix.Kill(pid, number)
}

func longSignal(word string) string {
	if word == "" || strings.HasPrefix(word, "SIG") {
		return word
	}
	return "SIG" + word
}

func signalNumber(word string) (unix.Signal, error) {
	if number, err := strconv.Atoi(word); err == nil && number >= 0 && number <= 64 {
		return unix.Signal(number), nil
	}
	if number := unix.SignalNum(longSignal(word)); number != 0 {
		return number, nil
	}
	return 0, fmt.Errorf("unknown signal %q", word)
}

func sleep(c *call, s *plan.Sleep, _ *plan.Result) error {
	wanted := s.For.Duration()
	cut := min(wanted, c.left())
	left := unix.NsecToTimespec(cut.Nanoseconds())
	for left.Nano() > 0 {
		var rest unix.Timespec
		err := unix.Nanosleep(&left, &rest)
		if errors.Is(err, unix.EINTR) {
			left = rest
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	if cut < wanted {
		return fmt.Errorf("slept %s of %s: %w", cut.Round(time.Millisecond), wanted, errTimeout)
	}
	return nil
}
