package compile

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

// What bpfcc says on its standard output when it takes its source from standard input: bpfcc/waiting.h.
const (
	wordReady = 'r'
	wordBegun = 'b'
	// The words, a status in a byte, and two lengths in eight bytes each.
	replyHead = 2 + 1 + 8 + 8
)

// request is what a compiler is asked: arguments, the last of them the source's name, and the source.
func encodeRequest(args []string, source []byte) []byte {
	return slices.Concat([]byte(strings.Join(args, "\x00")+"\x00\x00"), source)
}

// reply gathers what a compiler says. It trusts none of it.
type reply struct {
	ready chan struct{} // closed when the compiler can be asked
	done  chan struct{} // closed when all was said, or too much

	mu       sync.Mutex
	limits   Limits
	out      []byte // of standard output
	text     boundedBuffer
	textSize uint64 // that of standard error, with what text has no room for
	finished error
}

func newReply(l Limits) *reply {
	return &reply{
		ready: make(chan struct{}), done: make(chan struct{}),
		limits: l, text: boundedBuffer{limit: l.Text},
	}
}

// stdout and stderr are where the compiler's output goes to.
func (r *reply) stdout() io.Writer { return writer(r.writeOut) }
func (r *reply) stderr() io.Writer { return writer(r.writeText) }

type writer func([]byte) (int, error)

func (w writer) Write(data []byte) (int, error) { return w(data) }

var errProtocol = errors.New("the compiler says more than its reply")

func (r *reply) writeOut(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = append(r.out, data...)
	if len(r.out) > 0 && r.out[0] == wordReady {
		closeOnce(r.ready)
	}
	if err := r.check(); err != nil {
		return 0, err
	}
	return len(data), nil
}

func (r *reply) writeText(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.textSize += uint64(len(data))
	_, _ = r.text.Write(data)
	return len(data), r.check()
}

// check sees whether all is there. The text comes another way than the rest, and may come later.
func (r *reply) check() error {
	if len(r.out) < replyHead {
		return nil
	}
	text, object := binary.LittleEndian.Uint64(r.out[3:]), binary.LittleEndian.Uint64(r.out[11:])
	switch have := uint64(len(r.out) - replyHead); {
	case object > uint64(r.limits.Object):
		r.finished = errObjectSize
	case have > object:
		r.finished = errProtocol
	case have < object || r.textSize < text:
		return nil
	}
	closeOnce(r.done)
	return r.finished
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// begun tells whether the compiler has read its request.
func (r *reply) begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.out) > 1 && r.out[1] == wordBegun
}

// said is what is on standard error so far.
func (r *reply) said() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.text.Bytes())
}

// outcome is what was said, if all was.
func (r *reply) outcome() (*outcome, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.done:
	default:
		return nil, false
	}
	if r.finished != nil {
		return &outcome{stopped: errObjectSize, stderr: r.text.Bytes()}, true
	}
	return &outcome{stdout: r.out[replyHead:], stderr: r.text.Bytes(), exit: int(r.out[2])}, true
}

// partner is a compiler that takes its source from standard input.
type partner struct {
	*process
	reply *reply
}

func (j *jail) startPartner(c command) (*partner, error) {
	c.asked = true
	r := newReply(c.limits)
	p, err := j.start(c, r.stdout(), r.stderr())
	if err != nil {
		return nil, err
	}
	return &partner{p, r}, nil
}

// errUnheard says that a compiler had ended before it read its request.
var errUnheard = errors.New("the compiler had ended before it was asked")

// ask sends the request and waits for the reply. The compiler has done its duty then: it is killed, and its end is not
// waited for, which would take milliseconds.
func (p *partner) ask(ctx context.Context, request []byte) (*outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.limits.Wall, errWallClock)
	defer cancel()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = p.stdin.Write(request) // one that has ended is noticed below
		_ = p.stdin.Close()
	}()
	select {
	case <-p.reply.done:
	case <-p.exited:
	case <-ctx.Done():
	}
	p.kill()
	out, complete := p.reply.outcome()
	if complete {
		<-sent
		return out, nil
	}
	<-p.exited
	<-sent
	if out, complete := p.reply.outcome(); complete {
		return out, nil
	}
	if ctx.Err() == nil && !p.reply.begun() {
		return nil, errUnheard
	}
	return p.conclude(ctx, nil, p.reply.said())
}
