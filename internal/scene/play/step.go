package play

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

// A call is one step under way in an actor.
type call struct {
	*actor
	deadline time.Time
}

// left is the time until the deadline, at least a little: a zero timeout means
// none to the kernel.
func (c *call) left() time.Duration { return max(time.Until(c.deadline), time.Millisecond) }

// errTimeout is that a step's time was over.
var errTimeout = errors.New("timed out")

func timeoutOf(s *plan.Step) time.Duration {
	if s.Timeout <= 0 {
		return plan.DefaultTimeout * time.Second
	}
	return min(s.Timeout.Duration(), plan.MaxTimeout*time.Second)
}

// perform does a step, as often as it says.
func (a *actor) perform(s *plan.Step) plan.Result {
	begin := time.Now()
	deadline := begin.Add(timeoutOf(s))
	var result plan.Result
	times := min(max(s.Repeat, 1), plan.MaxRepeat)
	failed, done, count, packets := 0, 0, 0, 0
	for done < times {
		once := a.performOnce(s, deadline)
		done++
		count += once.Count
		packets += once.PacketCount
		if !once.OK {
			failed++
		}
		if failed == 0 || !once.OK && failed == 1 {
			result = once
		}
		if done < times && !time.Now().Before(deadline) {
			result.OK = false
			result.Error = fmt.Sprintf("timed out after %d of %d times", done, times)
			break
		}
	}
	if times > 1 {
		result.Times, result.Failed, result.Count, result.PacketCount = done, failed, count, packets
	}
	result.Seconds = time.Since(begin).Seconds()
	return result
}

func (a *actor) performOnce(s *plan.Step, deadline time.Time) plan.Result {
	var r plan.Result
	do, known := performers[s.Kind]
	if !known {
		r.Error = fmt.Sprintf("this guest cannot perform %q", s.Kind)
		return r
	}
	err := do(&call{actor: a, deadline: deadline}, s.Args, &r)
	settle(&r, s, err)
	return r
}

// settle judges what a step saw against what it expects.
func settle(r *plan.Result, s *plan.Step, err error) {
	var number unix.Errno
	if errors.As(err, &number) {
		r.Errno = errnoName(number)
	}
	expect := s.Expect
	if expect == nil {
		expect = &plan.Expect{}
	}
	if err != nil {
		r.Error = fmt.Sprintf("%s: %v", s.Kind, err)
	}
	if expect.Anything {
		r.OK = true
		return
	}
	if errors.Is(err, errTimeout) || err != nil && r.Errno == "" {
		return
	}
	if reasons := mismatches(r, expect); len(reasons) > 0 {
		if err != nil && expect.Errno == "" {
			return // the error says it all
		}
		r.Error = strings.Join(reasons, "; ")
		return
	}
	r.OK, r.Error = true, ""
}

func mismatches(r *plan.Result, expect *plan.Expect) (reasons []string) {
	differ := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	switch {
	case expect.Errno == "any" && r.Errno == "":
		differ("expected an error, saw none")
	case expect.Errno != "any" && expect.Errno != r.Errno:
		differ("expected %s, saw %s", orNone(expect.Errno, "no error"), orNone(r.Errno, "no error"))
	}
	if signal := longSignal(expect.Signal); signal != r.Signal {
		differ("expected %s, saw %s", orNone(signal, "no signal"), orNone(r.Signal, "no signal"))
	}
	if r.Exit != nil && *r.Exit != valueOr(expect.Exit, 0) {
		differ("expected exit code %d, saw %d", valueOr(expect.Exit, 0), *r.Exit)
	}
	if expect.Bytes != nil && *expect.Bytes != r.Count {
		differ("expected %d bytes, saw %d", *expect.Bytes, r.Count)
	}
	if expect.Text != nil && *expect.Text != string(r.Bytes) {
		differ("expected %s, saw %s", quote(*expect.Text), quote(string(r.Bytes)))
	}
	if expect.Hex != nil && !bytes.Equal(*expect.Hex, r.Bytes) {
		differ("expected %s, saw %s", quote(string(*expect.Hex)), quote(string(r.Bytes)))
	}
	if expect.Contains != "" && !contains(r, expect.Contains) {
		differ("expected %s in it, saw %s", quote(expect.Contains), quote(string(r.Bytes)))
	}
	if expect.Packets != nil && r.PacketCount < *expect.Packets {
		differ("expected %d packets, saw %d", *expect.Packets, r.PacketCount)
	}
	return reasons
}

func contains(r *plan.Result, part string) bool {
	for _, packet := range r.Packets {
		if bytes.Contains(packet.Bytes, []byte(part)) {
			return true
		}
	}
	return bytes.Contains(r.Bytes, []byte(part))
}

func orNone(word, none string) string {
	if word == "" {
		return none
	}
	return word
}

func valueOr(value *int, fallback int) int {
	if value == nil {
		return fallback
	}
	return *value
}

func quote(text string) string {
	const limit = 200
	if len(text) > limit {
		return fmt.Sprintf("%q… (%d bytes)", text[:limit], len(text))
	}
	return fmt.Sprintf("%q", text)
}

func errnoName(number unix.Errno) string {
	if name := unix.ErrnoName(number); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(number))
}

// keep puts bytes into a result, as many as it may hold.
func keep(r *plan.Result, data []byte) {
	r.Count = len(data)
	if len(data) > plan.MaxOutput {
		data, r.Truncated = data[:plan.MaxOutput], true
	}
	r.Bytes = data
}
