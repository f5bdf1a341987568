//go:build linux

package attach

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/skep-dev/skep/internal/guest/feature"
)

const (
	netkitName = "nk0"
	netkitPeer = "nk1"
)

// netkit attaches to a pair of netkit devices, which it makes if the user
// names none. They come up after the program is there, so that it sees what
// the kernel sends when a device comes up.
func netkit(r Request) ([]Attached, error) {
	name := netkitName
	if r.Wanted {
		name = r.Target
	}
	device, made, err := netkitPair(name)
	if err != nil {
		return nil, err
	}
	l, err := link.AttachNetkit(link.NetkitOptions{Interface: device.Attrs().Index, Program: r.Program, Attach: r.Spec.AttachType})
	if err != nil {
		return nil, err
	}
	side := "primary"
	if r.Spec.AttachType == ebpf.AttachNetkitPeer {
		side = "peer"
	}
	attached := one("netkit device "+name+", "+side, "netkit link", l)
	if made {
		// The end of the device detaches the program, but its link holds it.
		attached[0].Detach = func() error { return errors.Join(l.Close(), netlink.LinkDel(device)) }
	}
	for _, end := range []string{name, netkitPeer} {
		if d, err := netlink.LinkByName(end); err == nil {
			if err := netlink.LinkSetUp(d); err != nil {
				return attached, fmt.Errorf("set %s up: %w", end, err)
			}
		}
	}
	return attached, nil
}

func netkitPair(name string) (device netlink.Link, made bool, err error) {
	if device, err = netlink.LinkByName(name); err == nil {
		return device, false, nil
	}
	if f, _ := feature.AttachType(ebpf.AttachNetkitPrimary); feature.Running().Before(f.Since) {
		return nil, false, fmt.Errorf("make a pair of netkit devices: %w", ebpf.ErrNotSupported)
	}
	pair := &netlink.Netkit{
		LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.NETKIT_MODE_L2,
		Policy: netlink.NETKIT_POLICY_FORWARD, PeerPolicy: netlink.NETKIT_POLICY_FORWARD,
	}
	pair.SetPeerAttrs(&netlink.LinkAttrs{Name: netkitPeer})
	if err := netlink.LinkAdd(pair); err != nil {
		return nil, false, fmt.Errorf("make a pair of netkit devices: %w", err)
	}
	device, err = netlink.LinkByName(name)
	if err != nil {
		return nil, false, fmt.Errorf("find netkit device %s: %w", name, err)
	}
	return device, true, nil
}
