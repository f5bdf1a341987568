package play

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

var (
	_ = perform("send_frame", sendFrame)
	_ = perform("open_capture", openCapture)
	_ = perform("capture", capture)
)

// bigEndian16 is a number as packet sockets want their protocol.
func bigEndian16(v uint16) uint16 { return v<<8 | v>>8 }

// interfaceIndex asks the kernel; package net would read netlink.
func interfaceIndex(name string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	return int(request.Uint32()), nil
}

func sendFrame(c *call, s *plan.SendFrame, r *plan.Result) error {
	index, err := interfaceIndex(s.Interface)
	if err != nil {
		return err
	}
	// Protocol 0: this socket receives nothing (packet(7)).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := c.limitWait(fd, unix.SO_SNDTIMEO); err != nil {
		return err
	}
	to := &unix.SockaddrLinklayer{Ifindex: index, Halen: 6}
	copy(to.Addr[:], s.Frame)
	if err := unix.Sendto(fd, s.Frame, 0, to); err != nil {
		return c.waited(err)
	}
	r.Count, r.PacketCount = len(s.Frame), 1
	return nil
}

// captureSocket collects the frames of an interface from now on.
func captureSocket(name string) (int, error) {
	index, err := interfaceIndex(name)
	if err != nil {
		return -1, err
	}
	// Protocol 0 until the socket is bound: else frames of every interface
	// would be queued in between (packet(7)).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	all := &unix.SockaddrLinklayer{Ifindex: index, Protocol: bigEndian16(unix.ETH_P_ALL)}
	if err := unix.Bind(fd, all); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func openCapture(c *call, o *plan.OpenCapture, _ *plan.Result) error {
	fd, err := captureSocket(o.Interface)
	if err != nil {
		return err
	}
	c.name(o.As, fd)
	return nil
}

func capture(c *call, args *plan.Capture, r *plan.Result) error {
	fd, err := c.captureFrom(args)
	if err != nil {
		return err
	}
	if args.On == "" {
		defer unix.Close(fd)
	}
	limit := c.left()
	if args.For > 0 {
		limit = min(limit, args.For.Duration())
	}
	within := *c
	within.deadline = c.deadline.Add(limit - c.left())
	wanted := max(args.Packets, 1)
	buffer := make([]byte, 64<<10+18)
	kept := 0
	for r.PacketCount < wanted {
		packet, err := within.nextFrame(fd, buffer)
		if errors.Is(err, errTimeout) {
			if args.For > 0 || r.PacketCount > 0 {
				return nil // the time was the limit that was asked for
			}
			return err
		}
		if err != nil {
			return err
		}
		if !args.Filter.Matches(&packet) {
			continue
		}
		r.PacketCount++
		r.Count += packet.Length
		if kept += len(packet.Bytes); kept > 2*plan.MaxOutput || len(r.Packets) == plan.MaxPackets {
			r.Truncated = true
			continue
		}
		r.Packets = append(r.Packets, packet)
	}
	return nil
}

func (c *call) captureFrom(args *plan.Capture) (int, error) {
	if args.On != "" {
		return c.descriptor(args.On)
	}
	return captureSocket(args.Interface)
}

// nextFrame takes one frame. The VLAN tag, which the kernel keeps beside the
// frame, is not put back.
func (c *call) nextFrame(fd int, buffer []byte) (plan.Packet, error) {
	if err := poll(fd, unix.POLLIN, c.left()); err != nil {
		return plan.Packet{}, err
	}
	var from unix.Sockaddr
	n, err := retry(func() (n int, err error) {
		n, from, err = unix.Recvfrom(fd, buffer, unix.MSG_TRUNC)
		return n, err
	})
	if err != nil {
		return plan.Packet{}, err
	}
	direction := "in"
	if link, is := from.(*unix.SockaddrLinklayer); is && link.Pkttype == unix.PACKET_OUTGOING {
		direction = "out"
	}
	return plan.Packet{Direction: direction, Bytes: bytes.Clone(buffer[:min(n, len(buffer))]), Length: n}, nil
}
