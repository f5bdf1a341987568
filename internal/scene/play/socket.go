package play

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

var (
	_ = perform("listen", listen)
	_ = perform("accept", accept)
	_ = perform("connect", connect)
	_ = perform("bind", bind)
	_ = perform("send", send)
	_ = perform("receive", receive)
	_ = perform("shutdown", shutdown)
	_ = perform("socketpair", socketpair)
)

// address turns a scene's address into the kernel's.
func address(text string, port int, path string) (unix.Sockaddr, int, error) {
	if path != "" {
		return &unix.SockaddrUnix{Name: path}, unix.AF_UNIX, nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return nil, 0, fmt.Errorf("%q is not an address: %w", text, err)
	}
	if ip.Is4() || ip.Is4In6() {
		return &unix.SockaddrInet4{Port: port, Addr: ip.Unmap().As4()}, unix.AF_INET, nil
	}
	to := &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		index, err := interfaceIndex(zone)
		if err != nil {
			return nil, 0, err
		}
		to.ZoneId = uint32(index)
	}
	return to, unix.AF_INET6, nil
}

// socket makes a socket for an endpoint; what the network is called decides
// its type.
func socket(e *plan.Endpoint, fallback string, stream bool) (fd int, to unix.Sockaddr, err error) {
	to, family, err := address(e.Address, e.Port, e.Path)
	if err != nil {
		return -1, nil, err
	}
	kind := unix.SOCK_DGRAM
	if orNone(e.Network, fallback) == "tcp" || family == unix.AF_UNIX && stream {
		kind = unix.SOCK_STREAM
	}
	fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	if family != unix.AF_UNIX {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // a convenience for repeats
	}
	return fd, to, nil
}

// limitWait bounds blocking calls on a socket.
func (c *call) limitWait(fd, option int) error {
	left := c.left()
	limit := unix.NsecToTimeval(left.Nanoseconds())
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit)
}

// waited turns what the kernel says when a bounded wait is over into a
// timeout. deadline tells it from the same words of a socket that is not
// blocking.
func (c *call) waited(err error) error {
	over := errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINPROGRESS)
	if over && time.Until(c.deadline) < 10*time.Millisecond {
		return errTimeout
	}
	return err
}

func listen(c *call, l *plan.Listen, r *plan.Result) error {
	fd, at, err := socket(&l.Endpoint, "tcp", true)
	if err != nil {
		return err
	}
	backlog := l.Backlog
	if backlog == 0 {
		backlog = 16
	}
	if err = unix.Bind(fd, at); err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	r.Port = localPort(fd)
	c.name(l.As, fd)
	return nil
}

func accept(c *call, a *plan.Accept, r *plan.Result) error {
	on, err := c.descriptor(a.On)
	if err != nil {
		return err
	}
	if err := c.limitWait(on, unix.SO_RCVTIMEO); err != nil {
		return err
	}
	var from unix.Sockaddr
	fd, err := retry(func() (fd int, err error) {
		fd, from, err = unix.Accept4(on, unix.SOCK_CLOEXEC)
		return fd, err
	})
	if err != nil {
		return c.waited(err)
	}
	r.Address = addressText(from)
	c.name(a.As, fd)
	return nil
}

func connect(c *call, args *plan.Connect, r *plan.Result) error {
	fd, to, err := socket(&args.Endpoint, "tcp", true)
	if err != nil {
		return err
	}
	if args.FromPort != 0 {
		err = bindPort(fd, to, args.FromPort)
	}
	if err == nil {
		err = c.limitWait(fd, unix.SO_SNDTIMEO)
	}
	if err == nil {
		// Not made again after a signal: that would be another connection.
		err = c.waited(unix.Connect(fd, to))
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	r.Address, r.Port = addressText(to), localPort(fd)
	c.name(args.As, fd)
	return nil
}

func bindPort(fd int, like unix.Sockaddr, port int) error {
	switch like.(type) {
	case *unix.SockaddrInet4:
		return unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	case *unix.SockaddrInet6:
		return unix.Bind(fd, &unix.SockaddrInet6{Port: port})
	}
	return errors.New("from_port is for tcp and udp")
}

func bind(c *call, b *plan.Bind, r *plan.Result) error {
	fd, at, err := socket(&b.Endpoint, "udp", false)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, at); err != nil {
		unix.Close(fd)
		return err
	}
	r.Port = localPort(fd)
	c.name(b.As, fd)
	return nil
}

func send(c *call, s *plan.Send, r *plan.Result) error {
	var to unix.Sockaddr
	var err error
	if s.Address != "" || s.Path != "" {
		if to, _, err = address(s.Address, s.Port, s.Path); err != nil {
			return err
		}
	}
	fd := -1
	if s.On != "" {
		fd, err = c.descriptor(s.On)
	} else {
		fd, _, err = socket(&plan.Endpoint{Address: s.Address, Path: s.Path}, "udp", false)
		defer func() { unix.Close(fd) }()
	}
	if err != nil {
		return err
	}
	if err := c.limitWait(fd, unix.SO_SNDTIMEO); err != nil {
		return err
	}
	// A broken connection is for the step to report, not to die of.
	r.Count, err = retry(func() (int, error) { return unix.SendmsgN(fd, s.Data(), nil, to, unix.MSG_NOSIGNAL) })
	r.Count = max(r.Count, 0)
	return c.waited(err)
}

func receive(c *call, args *plan.Receive, r *plan.Result) error {
	fd, err := c.descriptor(args.On)
	if err != nil {
		return err
	}
	size := args.Bytes
	if size == 0 {
		size = 64 << 10
	}
	buffer := make([]byte, size)
	filled := 0
	for {
		if err := c.limitWait(fd, unix.SO_RCVTIMEO); err != nil {
			return err
		}
		var from unix.Sockaddr
		n, err := retry(func() (n int, err error) {
			n, from, err = unix.Recvfrom(fd, buffer[filled:], 0)
			return n, err
		})
		filled += max(n, 0)
		keep(r, buffer[:filled])
		if from != nil {
			r.Address = addressText(from)
		}
		if err != nil {
			return c.waited(err)
		}
		if !args.All || n == 0 || filled == size {
			return nil
		}
	}
}

func shutdown(c *call, s *plan.Shutdown, _ *plan.Result) error {
	fd, err := c.descriptor(s.On)
	if err != nil {
		return err
	}
	how := map[string]int{"": unix.SHUT_RDWR, "both": unix.SHUT_RDWR, "read": unix.SHUT_RD, "write": unix.SHUT_WR}
	return unix.Shutdown(fd, how[s.How])
}

func socketpair(c *call, s *plan.Socketpair, _ *plan.Result) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for i, name := range s.As {
		c.name(name, pair[i])
	}
	return nil
}

func localPort(fd int) int {
	at, err := unix.Getsockname(fd)
	if err != nil {
		return 0
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		return at.Port
	case *unix.SockaddrInet6:
		return at.Port
	}
	return 0
}

func addressText(a unix.Sockaddr) string {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrUnix:
		return a.Name
	}
	return ""
}
