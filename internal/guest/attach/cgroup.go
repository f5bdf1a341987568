//go:build linux

package attach

import (
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skep-dev/skep/internal/guest/feature"
)

// cgroup attaches to the scene's cgroup, or to the one that the user names.
func cgroup(r Request) ([]Attached, error) {
	path := r.Cgroup
	if r.Wanted {
		path = r.Target
	}
	at := r.Spec.AttachType
	// SEC("cgroup/skb") leaves the direction open; libbpf's users say it when
	// they attach.
	if strings.TrimPrefix(r.Spec.SectionName, "?") == "cgroup/skb" {
		at = ebpf.AttachCGroupInetIngress
	}
	if at == ebpf.AttachLSMCgroup {
		return lsmCgroup(r, path)
	}
	l, err := link.AttachCgroup(link.CgroupOptions{Path: path, Attach: at, Program: r.Program})
	if err != nil {
		return nil, err
	}
	return one("cgroup "+path+", "+at.String(), "cgroup link", l), nil
}

func lsmCgroup(r Request, path string) ([]Attached, error) {
	f, _ := feature.AttachType(ebpf.AttachLSMCgroup)
	if feature.Running().Before(f.Since) {
		return nil, fmt.Errorf("lsm_cgroup: %w", ebpf.ErrNotSupported)
	}
	directory, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	defer directory.Close()
	l, err := link.AttachRawLink(link.RawLinkOptions{
		Target: int(directory.Fd()), Program: r.Program, Attach: ebpf.AttachLSMCgroup,
	})
	if err != nil {
		return nil, err
	}
	return one("LSM hook "+r.Spec.AttachTo+" of cgroup "+path, "cgroup link", l), nil
}
