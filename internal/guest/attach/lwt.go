//go:build linux

package attach

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// lwtNet is the network whose route carries lightweight tunnel programs: one
// that documentation may use (RFC 5737), and nobody else does.
const lwtNet = "198.51.100.0/24"

// headroom is how many bytes an lwt_xmit program may push.
const headroom = 32

var lwtModes = map[string]int{
	"lwt_in":   nl.LWT_BPF_IN,
	"lwt_out":  nl.LWT_BPF_OUT,
	"lwt_xmit": nl.LWT_BPF_XMIT,
}

// lwt attaches to a route, out of the machine's end of the veth pair, to a
// network of its own or to the one that the user names.
func lwt(r Request) ([]Attached, error) {
	head, _, _ := strings.Cut(strings.TrimPrefix(r.Spec.SectionName, "?"), "/")
	mode, ok := lwtModes[head]
	if !ok {
		return nil, cannot(r, "%s programs are not supported by the loader; lwt_in, lwt_out and lwt_xmit are", head)
	}
	target := lwtNet
	if r.Wanted {
		target = r.Target
	}
	_, network, err := net.ParseCIDR(target)
	if err != nil {
		return nil, noTarget(r, "lwt_xmit")
	}
	device, err := netlink.LinkByName(r.Interface)
	if err != nil {
		return nil, fmt.Errorf("network interface %q: %w", r.Interface, err)
	}
	tunnel := &netlink.BpfEncap{}
	if err := tunnel.SetProg(mode, r.Program.FD(), r.Spec.Name); err != nil {
		return nil, fmt.Errorf("make a route with the program: %w", err)
	}
	if mode == nl.LWT_BPF_XMIT {
		if err := tunnel.SetXmitHeadroom(headroom); err != nil {
			return nil, fmt.Errorf("make a route with the program: %w", err)
		}
	}
	route := &netlink.Route{LinkIndex: device.Attrs().Index, Dst: network, Encap: tunnel}
	if err := netlink.RouteReplace(route); err != nil {
		return nil, fmt.Errorf("add route to %s with the program: %w", target, err)
	}
	return []Attached{{
		To: "route to " + target + " out of " + r.Interface, How: head,
		Detach: func() error { return errors.Join(netlink.RouteDel(route), dropWaiting(route)) },
	}}, nil
}

// dropWaiting drops the packets that wait for the hardware address of their
// next hop, for three seconds if nobody answers: each holds the route that it
// took, and that the program.
func dropWaiting(route *netlink.Route) error {
	neighbours, err := netlink.NeighList(route.LinkIndex, 0)
	if err != nil {
		return fmt.Errorf("list the neighbours behind a route: %w", err)
	}
	var errs []error
	for i := range neighbours {
		n := &neighbours[i]
		if n.State != netlink.NUD_INCOMPLETE || !route.Dst.Contains(n.IP) {
			continue
		}
		if err := netlink.NeighDel(n); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("drop what waits for neighbour %s: %w", n.IP, err))
		}
	}
	return errors.Join(errs...)
}
