//go:build linux

package attach

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf/link"
)

// netNamespace attaches sk_lookup and flow_dissector programs to the
// machine's network namespace.
func netNamespace(r Request) ([]Attached, error) {
	path := "/proc/self/ns/net"
	if r.Wanted {
		path = r.Target
	}
	namespace, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	defer namespace.Close()
	l, err := link.AttachNetNs(int(namespace.Fd()), r.Program)
	if err != nil {
		return nil, err
	}
	return one("network namespace "+path, "netns link", l), nil
}
