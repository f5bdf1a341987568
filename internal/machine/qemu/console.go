package qemu

import (
	"io"
	"sync"
)

const consoleKept = 64 << 10

// console keeps the end of what the guest writes on its serial line.
type console struct {
	mu   sync.Mutex
	kept []byte
	done chan struct{}
}

func newConsole(r io.Reader) *console {
	c := &console{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_, _ = io.Copy(c, r) // its end is the machine's end
	}()
	return c
}

// Write implements io.Writer for the copying goroutine.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, p...)
	if over := len(c.kept) - consoleKept; over > 0 {
		c.kept = append(c.kept[:0], c.kept[over:]...)
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.kept)
}
