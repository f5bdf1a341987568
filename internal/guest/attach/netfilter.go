//go:build linux

package attach

import (
	"strings"

	"github.com/cilium/ebpf/link"
)

var netfilterFamilies = map[string]link.NetfilterProtocolFamily{
	"ipv4": link.NetfilterProtoIPv4,
	"ipv6": link.NetfilterProtoIPv6,
}

var netfilterHooks = map[string]link.NetfilterInetHook{
	"prerouting":  link.NetfilterInetPreRouting,
	"input":       link.NetfilterInetLocalIn,
	"forward":     link.NetfilterInetForward,
	"output":      link.NetfilterInetLocalOut,
	"postrouting": link.NetfilterInetPostRouting,
}

// filterPriority is NF_IP_PRI_FILTER - 128: before the machine's own filters.
const filterPriority = -128

// netfilter attaches to the input hook of IPv4, which every packet for a
// local socket passes, or to FAMILY:HOOK as the user says.
func netfilter(r Request) ([]Attached, error) {
	target := "ipv4:input"
	if r.Wanted {
		target = r.Target
	}
	familyName, hookName, _ := strings.Cut(target, ":")
	family, known := netfilterFamilies[familyName]
	at, ok := netfilterHooks[hookName]
	if !known || !ok {
		return nil, noHook(r, "netfilter hook", target, "; write ipv4 or ipv6, a colon, and prerouting, input, forward, output or postrouting", nil)
	}
	l, err := link.AttachNetfilter(link.NetfilterOptions{
		Program: r.Program, ProtocolFamily: family, Hook: at, Priority: filterPriority,
	})
	if err != nil {
		return nil, err
	}
	return one("netfilter hook "+target, "netfilter link", l), nil
}
