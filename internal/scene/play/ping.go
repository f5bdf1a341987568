package play

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

var _ = perform("ping", ping)

// ping uses the kernel's ICMP sockets, which fill in identifier and checksum
// and hand over only replies (net/ipv4/ping.c). Where ping_group_range does
// not allow them it takes a raw socket.
func ping(c *call, p *plan.Ping, r *plan.Result) error {
	ip, err := netip.ParseAddr(p.Address)
	if err != nil {
		return err
	}
	to, family, err := address(p.Address, 0, "")
	if err != nil {
		return err
	}
	protocol, request, reply := unix.IPPROTO_ICMP, byte(8), byte(0)
	if ip.Is6() {
		protocol, request, reply = unix.IPPROTO_ICMPV6, 128, 129
	}
	fd, raw, err := pingSocket(family, protocol)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	payload := p.Data()
	message := append([]byte{request, 0, 0, 0, 0, 0, 0, 1}, payload...)
	if raw {
		binary.BigEndian.PutUint16(message[4:], uint16(unix.Getpid()))
		if !ip.Is6() { // the kernel sums ICMPv6 itself
			binary.BigEndian.PutUint16(message[2:], checksum(message))
		}
	}
	if err := c.limitWait(fd, unix.SO_RCVTIMEO); err != nil {
		return err
	}
	if err := unix.Sendto(fd, message, 0, to); err != nil {
		return err
	}
	for {
		buffer := make([]byte, 64<<10)
		n, err := retry(func() (int, error) {
			n, from, err := unix.Recvfrom(fd, buffer, 0)
			r.Address = addressText(from)
			return n, err
		})
		if err != nil {
			return c.waited(err)
		}
		answer := buffer[:n]
		if raw && !ip.Is6() && n > 20 {
			answer = answer[min(int(answer[0]&0xf)*4, n):] // raw IPv4 sockets see the header
		}
		if len(answer) >= 8 && answer[0] == reply && (!raw || bytes.Equal(answer[4:8], message[4:8])) {
			keep(r, answer[8:])
			return nil
		}
	}
}

func pingSocket(family, protocol int) (fd int, raw bool, err error) {
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		return fd, false, nil
	}
	fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	return fd, true, err
}

// checksum is the internet checksum of RFC 1071.
func checksum(data []byte) uint16 {
	var sum uint32
	for i := 0; i < len(data); i += 2 {
		word := uint32(data[i]) << 8
		if i+1 < len(data) {
			word |= uint32(data[i+1])
		}
		sum += word
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
