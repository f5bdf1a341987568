//go:build linux

package attach

import (
	"strings"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// xdp attaches to the drivers of devices that have XDP in their driver (veth)
// and before the network stack on those that have not (lo). Programs for
// entries of maps are not attached: SEC("xdp/devmap"), SEC("xdp/cpumap").
func xdp(r Request) ([]Attached, error) {
	if !r.Wanted && (strings.HasPrefix(r.Target, "devmap") || strings.HasPrefix(r.Target, "cpumap")) {
		return []Attached{{To: "nothing", How: "for an entry of a " + r.Target}}, nil
	}
	links, err := r.interfaces()
	if err != nil {
		return nil, err
	}
	var attached []Attached
	for _, device := range links {
		mode, how := xdpMode(device)
		l, err := link.AttachXDP(link.XDPOptions{Program: r.Program, Interface: device.Attrs().Index, Flags: mode})
		if err != nil {
			return attached, err
		}
		attached = append(attached, one("interface "+device.Attrs().Name, how, l)...)
	}
	return attached, nil
}

func xdpMode(device netlink.Link) (link.XDPAttachFlags, string) {
	if device.Type() == "veth" {
		return link.XDPDriverMode, "XDP in the driver"
	}
	return link.XDPGenericMode, "XDP, generic"
}
