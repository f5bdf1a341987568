//go:build linux

package attach

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// allProtocols is ETH_P_ALL in network byte order, as packet sockets want it.
const allProtocols = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8

// socketFilter attaches to a packet socket on the loopback device, or on the
// interface that the user names, which sees every frame; and to the sockets
// that the scene opens, so that a filter can shorten or drop what they get.
func socketFilter(r Request) ([]Attached, error) {
	name := loopback
	if r.Wanted {
		name = r.Target
	}
	fd, err := packetSocket(name)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, r.Program.FD()); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("attach to a packet socket on %s: %w", name, err)
	}
	attached := []Attached{{
		To: "packet socket on interface " + name, How: "SO_ATTACH_BPF",
		Detach: func() error { return unix.Close(fd) },
	}}
	if r.Sockets != nil && !r.Wanted {
		program := r.Program.FD()
		r.Sockets(func(fd int, kind string) error {
			if kind != "udp" { // a TCP socket that loses packets only stalls
				return nil
			}
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program)
		})
		attached = append(attached, Attached{To: "the scene's UDP sockets", How: "SO_ATTACH_BPF"})
	}
	return attached, nil
}

// reuseportAddress is where the group of sockets listens to which sk_reuseport
// programs attach.
var reuseportAddress = &unix.SockaddrInet4{Port: 4242, Addr: [4]byte{127, 0, 0, 1}}

// reuseport attaches to a group of two UDP sockets of ours, as a program of
// this kind decides between the sockets of one port.
func reuseport(r Request) ([]Attached, error) {
	var fds []int
	closeAll := func() error {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		return nil
	}
	for range 2 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open a socket for the group: %w", err)
		}
		fds = append(fds, fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			_ = closeAll()
			return nil, fmt.Errorf("set SO_REUSEPORT: %w", err)
		}
		if err := unix.Bind(fd, reuseportAddress); err != nil {
			_ = closeAll()
			return nil, fmt.Errorf("bind a socket of the group: %w", err)
		}
	}
	if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_EBPF, r.Program.FD()); err != nil {
		_ = closeAll()
		return nil, fmt.Errorf("attach to the group of sockets: %w", err)
	}
	to := fmt.Sprintf("group of two UDP sockets on 127.0.0.1:%d", reuseportAddress.Port)
	return []Attached{{To: to, How: "SO_ATTACH_REUSEPORT_EBPF", Detach: closeAll}}, nil
}
