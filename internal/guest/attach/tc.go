//go:build linux

package attach

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/skep-dev/skep/internal/guest/feature"
)

const (
	ingress = "ingress"
	egress  = "egress"
)

// tc attaches classifiers: with tcx links where the kernel has them, else as
// direct-action filters of a clsact qdisc.
func tc(r Request) ([]Attached, error) {
	links, err := r.interfaces()
	if err != nil {
		return nil, err
	}
	tcx, _ := feature.AttachType(ebpf.AttachTCXIngress)
	legacy := feature.Running().Before(tcx.Since)
	if legacy && strings.HasPrefix(r.Spec.SectionName, "tcx/") {
		return nil, fmt.Errorf("attach tcx link: %w", ebpf.ErrNotSupported)
	}
	var attached []Attached
	for _, device := range links {
		for _, direction := range r.directions(device.Attrs().Name) {
			var a Attached
			if legacy {
				a, err = clsact(r, device, direction)
			} else {
				a, err = tcxLink(r, device, direction)
			}
			if err != nil {
				return attached, err
			}
			attached = append(attached, a)
		}
	}
	return attached, nil
}

// directions are those that the section or the user names. Without either:
// both; of lo one, as each packet on it comes in that went out.
func (r Request) directions(device string) []string {
	target := r.Target
	if r.Wanted {
		_, target, _ = strings.Cut(r.Target, ":")
	}
	switch {
	case strings.HasPrefix(target, ingress):
		return []string{ingress}
	case strings.HasPrefix(target, egress):
		return []string{egress}
	case !r.Wanted && strings.HasSuffix(r.Spec.SectionName, "/"+egress):
		return []string{egress}
	case device == loopback:
		return []string{ingress}
	}
	return []string{ingress, egress}
}

func tcxLink(r Request, device netlink.Link, direction string) (Attached, error) {
	at := ebpf.AttachTCXIngress
	if direction == egress {
		at = ebpf.AttachTCXEgress
	}
	l, err := link.AttachTCX(link.TCXOptions{Interface: device.Attrs().Index, Program: r.Program, Attach: at})
	if err != nil {
		return Attached{}, err
	}
	return one("interface "+device.Attrs().Name+" "+direction, "tcx link", l)[0], nil
}

// clsact adds the qdisc if it is not there, and a filter to it.
func clsact(r Request, device netlink.Link, direction string) (Attached, error) {
	remove, err := addClsact(device)
	if err != nil {
		return Attached{}, err
	}
	parent := uint32(netlink.HANDLE_MIN_INGRESS)
	if direction == egress {
		parent = netlink.HANDLE_MIN_EGRESS
	}
	filter := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: device.Attrs().Index, Parent: parent, Protocol: unix.ETH_P_ALL,
		},
		Fd: r.Program.FD(), Name: r.Spec.Name, DirectAction: true,
	}
	if err := netlink.FilterAdd(filter); err != nil {
		return Attached{}, fmt.Errorf("add bpf filter to %s %s: %w", device.Attrs().Name, direction, err)
	}
	return Attached{
		To: "interface " + device.Attrs().Name + " " + direction, How: "clsact filter",
		Detach: remove,
	}, nil
}

// addClsact returns how to take the qdisc, and all filters with it, off again.
func addClsact(device netlink.Link) (func() error, error) {
	qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: device.Attrs().Index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	err := netlink.QdiscAdd(qdisc)
	if errors.Is(err, unix.EEXIST) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("add clsact qdisc to %s: %w", device.Attrs().Name, err)
	}
	return func() error { return netlink.QdiscDel(qdisc) }, nil
}

// action attaches SEC("action") programs: as the action of a filter that
// matches every packet.
func action(r Request) ([]Attached, error) {
	links, err := r.interfaces()
	if err != nil {
		return nil, err
	}
	var attached []Attached
	for _, device := range links {
		for _, direction := range r.directions(device.Attrs().Name) {
			a, err := actionFilter(r, device, direction)
			if err != nil {
				return attached, err
			}
			attached = append(attached, a)
		}
	}
	return attached, nil
}

func actionFilter(r Request, device netlink.Link, direction string) (Attached, error) {
	remove, err := addClsact(device)
	if err != nil {
		return Attached{}, err
	}
	parent := uint32(netlink.HANDLE_MIN_INGRESS)
	if direction == egress {
		parent = netlink.HANDLE_MIN_EGRESS
	}
	filter := &netlink.MatchAll{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: device.Attrs().Index, Parent: parent, Protocol: unix.ETH_P_ALL,
		},
		Actions: []netlink.Action{&netlink.BpfAction{
			ActionAttrs: netlink.ActionAttrs{Action: netlink.TC_ACT_PIPE}, Fd: r.Program.FD(), Name: r.Spec.Name,
		}},
	}
	if err := netlink.FilterAdd(filter); err != nil {
		return Attached{}, fmt.Errorf("add matchall filter with bpf action to %s %s: %w", device.Attrs().Name, direction, err)
	}
	return Attached{
		To: "interface " + device.Attrs().Name + " " + direction, How: "bpf action of a matchall filter",
		Detach: remove,
	}, nil
}
