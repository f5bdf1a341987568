package compile

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf/btf"
)

// VMLinux gives the text of a kernel's vmlinux.h: trimmed to what most programs use, or whole.
func VMLinux(spec *btf.Spec, whole bool) ([]byte, error) {
	kind := headerTrimmed
	if whole {
		kind = headerWhole
	}
	text, _, err := writeHeader(spec, kind)
	return text, err
}

// SharedHeaders gives the headers that are the same for every kernel, by the names that programs include them by:
// skep.h and libbpf's. An empty folder means where libbpf-dev puts them.
func SharedHeaders(libbpf string) (map[string][]byte, error) {
	setDefault(&libbpf, "/usr/include/bpf")
	files, err := collectHeaders(libbpf)
	return maps.Clone(files), err
}

// VMLinux gives the same text out of the cache, where it is put if it is not there.
func (c *Compiler) VMLinux(ctx context.Context, k Kernel, whole bool) ([]byte, error) {
	kind := headerTrimmed
	if whole {
		kind = headerWhole
	}
	h, err := c.openHeader(ctx, k, kind)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(h.dir, headerName))
	if err != nil {
		return nil, fmt.Errorf("read the header of kernel %s: %w", k.ID, err)
	}
	return text, nil
}
