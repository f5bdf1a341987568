//go:build linux

package collect

import (
	"bytes"
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
	// packetPoll is how long the reader sleeps at most before it looks whether
	// the run has ended.
	packetPoll = 50 * time.Millisecond
)

// An End is a network interface at which frames are captured. Namespace is the
// path of its network namespace; empty is our own.
type End struct{ Interface, Namespace string }

// Packets captures the frames at interfaces. Its sockets are opened once, when
// the machine boots: to look up an interface in another network namespace is
// more work than many a run.
type Packets struct {
	sockets []socket
	wake    int // an eventfd: the reader is to look whether it shall stop

	sink     *Sink
	buffer   []byte
	stopping atomic.Bool
	done     sync.WaitGroup
}

type socket struct {
	fd   int
	intf string
}

// OpenPackets opens what captures at ends.
func OpenPackets(ends ...End) (*Packets, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("capture packets: %w", err)
	}
	p := &Packets{wake: wake, buffer: make([]byte, maxFrame)}
	for _, end := range ends {
		fd, err := openIn(end.Namespace, end.Interface)
		if err != nil {
			p.close()
			return nil, fmt.Errorf("capture packets on %s: %w", end.Interface, err)
		}
		p.sockets = append(p.sockets, socket{fd: fd, intf: end.Interface})
	}
	return p, nil
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

// Start forgets what has arrived so far, and sends what arrives from now on.
// On nil, as on a machine without a network, it does nothing.
func (p *Packets) Start(sink *Sink) {
	if p == nil {
		return
	}
	for _, s := range p.sockets {
		for p.receive(s, nil) {
		}
		_ = dropped(s)
	}
	p.sink = sink
	p.stopping.Store(false)
	p.done.Go(p.read)
}

// receive takes one frame from a socket, and tells whether there was one.
func (p *Packets) receive(s socket, sink *Sink) bool {
	n, from, err := unix.Recvfrom(s.fd, p.buffer, unix.MSG_TRUNC) // n is the frame's length
	if err != nil {
		return false
	}
	if sink != nil {
		data := bytes.Clone(p.buffer[:min(n, len(p.buffer))])
		sink.packet(wire.Packet{Where: s.intf, Direction: direction(from), Bytes: data, Length: n})
	}
	return true
}

// read takes turns between the sockets, so that a flood at one does not hide
// the other.
func (p *Packets) read() {
	fds := []unix.PollFd{{Fd: int32(p.wake), Events: unix.POLLIN}}
	for _, s := range p.sockets {
		fds = append(fds, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	}
	var limit time.Time
	for {
		// Asked before the reads: what came before the end is not to be missed.
		stopping := p.stopping.Load()
		if stopping && limit.IsZero() {
			limit = time.Now().Add(drainTime)
		}
		some := false
		for _, s := range p.sockets {
			some = p.receive(s, p.sink) || some
		}
		switch {
		case stopping && !some:
			return
		case stopping && time.Now().After(limit):
			p.sink.unread("packets")
			return
		case !stopping && !some:
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

// Stop sends what has arrived and ends.
func (p *Packets) Stop() {
	if p == nil || p.sink == nil {
		return
	}
	p.stopping.Store(true)
	count := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	_, _ = unix.Write(p.wake, count)
	p.done.Wait()
	_, _ = unix.Read(p.wake, count) // for the next run
	for _, s := range p.sockets {
		p.sink.AddLost("packets on "+s.intf, dropped(s))
	}
	p.sink = nil
}

// dropped tells how many frames had no room in a socket since it was asked.
func dropped(s socket) uint64 {
	stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return uint64(stats.Drops)
}

func (p *Packets) close() {
	for _, s := range p.sockets {
		_ = unix.Close(s.fd)
	}
	_ = unix.Close(p.wake)
}
