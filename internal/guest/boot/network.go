package boot

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The machine's network: loopback, and a veth pair whose far end lies in a
// second network namespace, so that packets really cross a link. There is no
// way out of the machine.
const (
	NearLink  = "v0"
	FarLink   = "v1"
	PeerNetns = "/run/netns/peer"
)

// addresses of the veth pair's ends.
var (
	nearAddresses = []string{"10.77.0.1/24", "fd77::1/64"}
	farAddresses  = []string{"10.77.0.2/24", "fd77::2/64"}
)

// fixed hardware addresses, so that scenes can build frames by hand.
var (
	nearMAC = []byte{0x02, 0x77, 0, 0, 0, 1}
	farMAC  = []byte{0x02, 0x77, 0, 0, 0, 2}
)

func setUpNetwork() error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	if err := writeSettings(); err != nil {
		return err
	}
	peer, err := newPeerNetns()
	if err != nil {
		return fmt.Errorf("make the second network namespace: %w", err)
	}
	defer peer.Close()
	veth := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: NearLink, HardwareAddr: nearMAC},
		PeerName:         FarLink,
		PeerHardwareAddr: farMAC,
		PeerNamespace:    netlink.NsFd(peer),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("add the veth pair: %w", err)
	}
	if err := addAddresses(NearLink, nearAddresses); err != nil {
		return err
	}
	return inNetns(peer, func() error {
		if err := linkUp("lo"); err != nil {
			return err
		}
		return addAddresses(FarLink, farAddresses)
	})
}

// newPeerNetns makes a network namespace and pins it at PeerNetns.
func newPeerNetns() (netns.NsHandle, error) {
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return netns.None(), err
	}
	if err := os.WriteFile(PeerNetns, nil, 0o444); err != nil {
		return netns.None(), err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		return netns.None(), err
	}
	defer home.Close()
	peer, err := netns.New()
	if err != nil {
		return netns.None(), err
	}
	if err := writeSettings(); err != nil {
		return netns.None(), err
	}
	if err := netns.Set(home); err != nil {
		return netns.None(), err
	}
	source := fmt.Sprintf("/proc/self/fd/%d", int(peer))
	if err := unix.Mount(source, PeerNetns, "", unix.MS_BIND, ""); err != nil {
		return netns.None(), err
	}
	return peer, nil
}

// inNetns runs f with the calling thread in ns.
func inNetns(ns netns.NsHandle, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		return err
	}
	defer home.Close()
	if err := netns.Set(ns); err != nil {
		return err
	}
	err = f()
	if back := netns.Set(home); back != nil {
		return back
	}
	return err
}

// settings of each network namespace, before it has links. Duplicate address
// detection would keep the IPv6 addresses unusable for a second, and nobody
// wants to see a search for routers; pings by ordinary users are what scenes
// do.
var settings = map[string]string{
	"ipv6/conf/default/accept_dad":           "0",
	"ipv6/conf/all/accept_dad":               "0",
	"ipv6/conf/default/router_solicitations": "0",
	"ipv4/ping_group_range":                  "0 2147483647",
}

func writeSettings() error {
	for name, value := range settings {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644); err != nil {
			return fmt.Errorf("set up the network: %w", err)
		}
	}
	return nil
}

func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set link %s up: %w", name, err)
	}
	return nil
}

func addAddresses(name string, addresses []string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	for _, text := range addresses {
		address, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("add %s to %s: %w", text, name, err)
		}
	}
	return linkUp(name)
}
