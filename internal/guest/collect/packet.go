//go:build linux

package collect

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/wire"
)

const (
	nonblock = unix.O_NONBLOCK
	// allProtocols is ETH_P_ALL in network byte order.
	allProtocols = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	maxFrame     = 2 << 10
	// packetPoll is how long a reader sleeps at most before it looks whether
	// the run has ended.
	packetPoll = 50 * time.Millisecond
)

// Packets captures the frames at interfaces.
type Packets struct {
	sink     *Sink
	files    []int
	stopping atomic.Bool
	wake     []int
	done     sync.WaitGroup
}

// NewPackets makes a capture that sends to sink.
func NewPackets(sink *Sink) *Packets { return &Packets{sink: sink} }

// Add captures at an interface of the network namespace with that path; an
// empty path is our own.
func (p *Packets) Add(name, namespace string) error {
	fd, err := openIn(namespace, name)
	if err != nil {
		return fmt.Errorf("capture packets on %s: %w", name, err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("capture packets on %s: %w", name, err)
	}
	p.files = append(p.files, fd)
	p.wake = append(p.wake, wake)
	p.done.Go(func() { p.read(fd, wake, name) })
	return nil
}

// openIn opens a packet socket in another network namespace, from a thread
// that enters it and ends there.
func openIn(namespace, name string) (fd int, err error) {
	if namespace == "" {
		return packetSocket(name)
	}
	file, err := os.Open(namespace)
	if err != nil {
		return -1, err
	}
	defer file.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		fd, err = packetSocket(name)
	}()
	<-done
	return fd, err
}

func packetSocket(name string) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	device, err := netlink.LinkByName(name)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: device.Attrs().Index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (p *Packets) read(fd, wake int, name string) {
	buffer := make([]byte, maxFrame)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
	var limit time.Time
	for {
		n, from, err := unix.Recvfrom(fd, buffer, 0)
		if err == nil {
			p.sink.packet(wire.Packet{Where: name, Direction: direction(from), Bytes: append([]byte(nil), buffer[:n]...)})
		}
		if p.stopping.Load() {
			if limit.IsZero() {
				limit = time.Now().Add(drainTime)
			}
			if err != nil || time.Now().After(limit) {
				return
			}
			continue
		}
		if err != nil {
			_, _ = unix.Poll(fds, int(packetPoll.Milliseconds()))
		}
	}
}

func direction(from unix.Sockaddr) string {
	if address, ok := from.(*unix.SockaddrLinklayer); ok && address.Pkttype == unix.PACKET_OUTGOING {
		return "out"
	}
	return "in"
}

// Drain reads what has arrived and ends. The sockets stay open: closing one
// waits for all processors, and the machine is thrown away.
func (p *Packets) Drain() {
	p.stopping.Store(true)
	for _, wake := range p.wake {
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
	p.done.Wait()
}

// Close frees the sockets.
func (p *Packets) Close() {
	for _, fd := range append(p.files, p.wake...) {
		_ = unix.Close(fd)
	}
}
