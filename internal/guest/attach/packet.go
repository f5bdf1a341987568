//go:build linux

package attach

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// packetSocket opens a packet socket that gets every frame of an interface.
func packetSocket(name string) (int, error) {
	device, err := netlink.LinkByName(name)
	if err != nil {
		return -1, fmt.Errorf("network interface %q: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, allProtocols)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: device.Attrs().Index}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("bind a packet socket to %s: %w", name, err)
	}
	return fd, nil
}
