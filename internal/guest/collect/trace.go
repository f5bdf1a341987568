//go:build linux

package collect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/skep-dev/skep/internal/wire"
)

const (
	tracefs = "/sys/kernel/tracing/"
	// tracePoll is how long a read of trace_pipe waits at most before it
	// looks again, as a missed wake-up would leave lines lying.
	tracePoll = 20 * time.Millisecond
	// traceRest keeps a program that floods trace_pipe from taking the
	// processor of the scene: a pause after each read that was full.
	traceRest = time.Millisecond
	tracePage = 16 << 10
	// maxTraceLine bounds what is kept of a line without an end.
	maxTraceLine = 4 << 10
)

// PrintsTrace says whether a program calls bpf_trace_printk or its kin.
func PrintsTrace(spec *ebpf.ProgramSpec) bool {
	for i := range spec.Instructions {
		instruction := &spec.Instructions[i]
		if !instruction.IsBuiltinCall() {
			continue
		}
		switch asm.BuiltinFunc(instruction.Constant) {
		case asm.FnTracePrintk, asm.FnTraceVprintk:
			return true
		}
	}
	return false
}

// A Tracer reads trace_pipe.
type Tracer struct {
	sink *Sink
	pipe *os.File
	stop chan struct{}
	done sync.WaitGroup
}

// StartTracer empties the kernel's trace buffer and begins to read it.
func StartTracer(sink *Sink) (*Tracer, error) {
	if err := os.WriteFile(tracefs+"trace", nil, 0); err != nil {
		return nil, fmt.Errorf("empty the trace buffer: %w", err)
	}
	pipe, err := os.OpenFile(tracefs+"trace_pipe", os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, fmt.Errorf("open trace_pipe: %w", err)
	}
	t := &Tracer{sink: sink, pipe: pipe, stop: make(chan struct{})}
	t.done.Go(t.read)
	return t, nil
}

func (t *Tracer) read() {
	buffer := make([]byte, tracePage)
	var partial []byte
	var limit time.Time
	for {
		// Asked before the read: one that began earlier may have been waiting
		// for a wake-up that was missed, and says nothing about what is there.
		stopping := t.stopping()
		_ = t.pipe.SetReadDeadline(time.Now().Add(tracePoll))
		n, err := t.pipe.Read(buffer)
		if n > 0 {
			partial = t.lines(append(partial, buffer[:n]...))
		}
		switch {
		case stopping:
			if limit.IsZero() {
				limit = time.Now().Add(drainTime)
			}
			if n == 0 {
				return
			}
			if time.Now().After(limit) {
				t.sink.unread("trace lines")
				return
			}
		case n >= len(buffer)/2:
			time.Sleep(traceRest)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

func (t *Tracer) stopping() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

// lines sends the whole lines of data and returns the rest.
func (t *Tracer) lines(data []byte) []byte {
	var last *wire.Trace
	flush := func() {
		if last != nil {
			t.sink.trace(*last)
		}
	}
	for {
		line, rest, found := bytes.Cut(data, []byte{'\n'})
		if !found {
			break
		}
		data = rest
		parsed, lost, ok := ParseTraceLine(string(line))
		switch {
		case lost > 0:
			t.sink.AddLost("trace_pipe", lost)
		case ok:
			flush()
			last = &parsed
		case last != nil:
			// A text with a newline of its own goes on in the next line.
			if len(last.Text) < maxTraceLine {
				last.Text += "\n" + string(line)
			}
		case len(line) > 0:
			t.sink.trace(wire.Trace{CPU: -1, Text: string(line)})
		}
	}
	flush()
	if len(data) > maxTraceLine {
		t.sink.trace(wire.Trace{CPU: -1, Text: string(data[:maxTraceLine]) + " …"})
		return nil
	}
	return bytes.Clone(data)
}

// Drain reads what is there and ends.
func (t *Tracer) Drain() {
	if t == nil {
		return
	}
	close(t.stop)
	_ = t.pipe.SetReadDeadline(time.Now())
	t.done.Wait()
	_ = t.pipe.Close()
}

var (
	// kernel/trace/trace_output.c, trace_print_context: process, dash, pid,
	// perhaps the thread group in brackets, processor, flags, time.
	traceLine = regexp.MustCompile(`^\s*(.*?)-(\d+)\s+(?:\([ \d-]+\)\s+)?\[(\d+)\]\s+\S+\s+(\d+\.\d+): (?:bpf_trace_printk: )?(.*)$`)
	traceLost = regexp.MustCompile(`^CPU:\d+ \[LOST (\d+) EVENTS\]`)
)

// ParseTraceLine takes a line of trace_pipe apart, or gives the number of
// lines that it says were lost.
func ParseTraceLine(line string) (t wire.Trace, lost uint64, ok bool) {
	if match := traceLost.FindStringSubmatch(line); match != nil {
		lost, _ = strconv.ParseUint(match[1], 10, 64)
		return wire.Trace{}, lost, false
	}
	match := traceLine.FindStringSubmatch(line)
	if match == nil {
		return wire.Trace{}, 0, false
	}
	t.Process, t.Text = match[1], match[5]
	t.PID, _ = strconv.Atoi(match[2])
	t.CPU, _ = strconv.Atoi(match[3])
	t.Time, _ = strconv.ParseFloat(match[4], 64)
	return t, 0, true
}
