package compile

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const returnsTwo = head + "SEC(\"xdp\") int f(struct xdp_md *ctx) { return 2; }\n"

// newKeeper is a compiler of which n wait for sources that begin with head.
func newKeeper(t *testing.T, n int) *Compiler {
	t.Helper()
	c := newCompiler(t, programs(t)["bpfcc"])
	c.waiting.calm, c.waiting.recovery = 0, 0
	if err := c.Keep(t.Context(), smallKernel(t, c), n); err != nil {
		t.Fatal(err)
	}
	return c
}

// onBench are the compilers that wait.
func (w *waiting) onBench() []*partner {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*partner
	for _, k := range w.kinds {
		list = append(list, k.ready...)
	}
	return list
}

func TestEachWaitingCompilerTakesOneSource(t *testing.T) {
	c := newKeeper(t, 2)
	var seen []*partner
	for i := range 5 {
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := c.waiting.onBench()[0]
		if slices.Contains(seen, first) {
			t.Fatal("one waits again that has had a source")
		}
		seen = append(seen, first)
		compileText(t, c, "prog.bpf.c", returnsTwo+strings.Repeat("\n", i))
		select {
		case <-first.exited:
		case <-time.After(10 * time.Second):
			t.Fatal("it lives on after its source")
		}
		if !first.reply.begun() {
			t.Error("another compiler than the first that waited had the source")
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	c := newKeeper(t, 2)
	k := smallKernel(t, c)
	want := compileText(t, newCompiler(t, programs(t)["bpfcc"]), "prog.bpf.c", returnsTwo).Object
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			like := *c
			like.objects = &objectCache{dir: t.TempDir(), limit: 1 << 20}
			r, err := like.Compile(t.Context(), Request{Name: "prog.bpf.c", Source: []byte(returnsTwo), Kernel: k})
			if err != nil || !bytes.Equal(r.Object, want) {
				t.Errorf("%v, or another object", err)
			}
		})
	}
	group.Wait()
}

// A compiler that died while it waited costs nothing but time, noticed or not, and is replaced.
func TestDeadCompilerIsReplaced(t *testing.T) {
	c := newKeeper(t, 1)
	p := c.waiting.onBench()[0]
	p.kill()
	<-p.exited
	for len(c.waiting.onBench()) == 0 || c.waiting.onBench()[0] == p {
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	compileText(t, c, "prog.bpf.c", returnsTwo)

	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.waiting.mu.Lock()
	for _, k := range c.waiting.kinds {
		dead, err := c.jail.startPartner(k.command)
		if err != nil {
			t.Fatal(err)
		}
		dead.kill()
		<-dead.exited
		k.ready[0].kill()
		k.ready[0] = dead
	}
	c.waiting.mu.Unlock()
	if r := compileText(t, c, "prog.bpf.c", returnsTwo+"\n"); r.Object == nil {
		t.Error(errorsOf(r))
	}
}

// Nothing is started beside a compile, and one that cannot be started is an error once, not a loop.
func TestStartsWhenCalm(t *testing.T) {
	c := newKeeper(t, 1)
	c.waiting.begin()
	for _, p := range c.waiting.onBench() {
		p.kill()
		<-p.exited
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for len(c.waiting.onBench()) > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond) // until it is noticed
	}
	if err := c.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside a compile: %v", err)
	}
	c.waiting.end()
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCannotWait(t *testing.T) {
	c := newCompiler(t, programs(t)["bpfcc"])
	broken := c.partnerCommand(nil, scan{})
	broken.args = []string{"-nonsense"}
	c.waiting.keep(broken, 1)
	if err := c.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "usage: bpfcc") {
		t.Errorf("got %v", err)
	}
	// It is in nobody's way.
	r, err := c.Compile(t.Context(), Request{Name: "prog.bpf.c", Source: []byte("int f(void) { return 1; }\n")})
	if err != nil || r.Object == nil {
		t.Error(err, r)
	}
}

func TestKeepLess(t *testing.T) {
	c := newKeeper(t, 3)
	all := c.waiting.onBench()
	if err := c.Keep(t.Context(), smallKernel(t, c), 1); err != nil {
		t.Fatal(err)
	}
	if n := len(c.waiting.onBench()); n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
	<-all[0].exited
	<-all[1].exited
}

// Close comes at any moment: while compilers are started, while they wait, while they work.
func TestCloseLeavesNothing(t *testing.T) {
	for _, after := range []time.Duration{0, 3 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		c := newCompiler(t, programs(t)["bpfcc"])
		k := smallKernel(t, c)
		c.jail.running.Wait()
		before := leftovers(t)
		kept := make(chan error)
		go func() { kept <- c.Keep(t.Context(), k, 3) }()
		time.Sleep(after)
		c.Close()
		if now := leftovers(t); now != before {
			t.Errorf("closed after %v: before %s, after %s", after, before, now)
		}
		if err := <-kept; err != nil && !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
}

// FuzzReply: whatever a compiler says, in whatever pieces, its reply is within the limits or refused.
func FuzzReply(f *testing.F) {
	whole := "rb\x00" + "\x02\x00\x00\x00\x00\x00\x00\x00" + "\x03\x00\x00\x00\x00\x00\x00\x00" + "ELF"
	f.Add([]byte(whole), 1)
	f.Add([]byte(whole+"x"), 30)
	f.Add([]byte("rb\x01"+strings.Repeat("\xff", 16)), 7)
	f.Fuzz(func(t *testing.T, said []byte, step int) {
		r := newReply(Limits{Object: 64, Text: 4})
		step = max(step, 1)
		for part := range slices.Chunk(said, step) {
			if _, err := r.stdout().Write(part); err != nil {
				break
			}
			_, _ = r.stderr().Write([]byte("text"))
		}
		out, complete := r.outcome()
		if complete && (len(out.stdout) > 64 || len(out.stderr) > 4) {
			t.Errorf("%d and %d bytes came through", len(out.stdout), len(out.stderr))
		}
		if len(r.out) > replyHead+64+step {
			t.Errorf("%d bytes were gathered", len(r.out))
		}
	})
}
