//go:build linux

package attach

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
)

const loopback = "lo"

// interfaces gives where a program for network devices goes. By default the
// machine's end of the veth pair, at which the scene's frames arrive and
// leave, and the loopback device, over which its local connections go; so a
// program sees both kinds of traffic.
func (r Request) interfaces() ([]netlink.Link, error) {
	names := []string{r.Interface, loopback}
	if r.Wanted {
		name, _, _ := strings.Cut(r.Target, ":")
		names = []string{name}
	}
	var links []netlink.Link
	for _, name := range names {
		l, err := netlink.LinkByName(name)
		if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing && !r.Wanted {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("network interface %q: %w", name, err)
		}
		links = append(links, l)
	}
	return links, nil
}
