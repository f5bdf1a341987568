package typecheck

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/internal/compile"
)

// preloaded are the headers that are read once, in an order in which each comes behind what it needs.
var preloaded = []string{
	"bpf/bpf_helper_defs.h", "bpf/bpf_helpers.h", "bpf/bpf_endian.h", "bpf/bpf_core_read.h", "bpf/bpf_tracing.h",
	"linux/errno.h", "bpf/usdt.bpf.h", "skep.h",
}

// KernelHeaders gives the headers for programs for a kernel: its types, trimmed or whole, libbpf's and skep.h.
func KernelHeaders(spec *btf.Spec, whole bool) ([]Header, error) {
	vmlinux, err := compile.VMLinux(spec, whole)
	if err != nil {
		return nil, err
	}
	return WithShared(vmlinux)
}

// WithShared puts behind the text of a vmlinux.h the headers that are the same for every kernel.
func WithShared(vmlinux []byte) ([]Header, error) {
	shared, err := compile.SharedHeaders("")
	if err != nil {
		return nil, err
	}
	if shared["linux/errno.h"], err = errnoHeader(); err != nil {
		return nil, err
	}
	headers := []Header{{"vmlinux.h", vmlinux}}
	for _, name := range preloaded {
		if text, ok := shared[name]; ok {
			headers = append(headers, Header{name, text})
		}
	}
	return headers, nil
}

// uapi is where distributions put the kernel's interface to user space (linux-libc-dev).
const uapi = "/usr/include"

// errnoHeader is linux/errno.h, which usdt.bpf.h includes, with what it includes itself.
func errnoHeader() ([]byte, error) {
	var text []byte
	for _, name := range []string{"asm-generic/errno-base.h", "asm-generic/errno.h"} {
		part, err := os.ReadFile(filepath.Join(uapi, name))
		if err != nil {
			return nil, fmt.Errorf("read the numbers of errors: %w; install linux-libc-dev", err)
		}
		text = append(text, part...)
	}
	return text, nil
}

var includePattern = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]`)

// fileLimits bound what one source may include besides the preloaded headers.
const (
	filesMax = 32
	fileMax  = 1 << 20
)

// IncludedFiles finds the files that a source in a folder includes and that are neither preloaded nor absolute: beside
// it, among the kernel's interface to user space, or in clang's own folder. What cannot be found is left out; the
// check says so.
func IncludedFiles(source []byte, folder string) []File {
	have := map[string]bool{"vmlinux.h": true}
	for _, name := range preloaded {
		have[name] = true
	}
	folders := []string{folder, uapi, filepath.Join(uapi, "x86_64-linux-gnu"), "/usr/lib/llvm-19/lib/clang/19/include"}
	var files []File
	queue := [][]byte{source}
	for len(queue) > 0 {
		text := queue[0]
		queue = queue[1:]
		for _, m := range includePattern.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if have[name] || len(files) == filesMax {
				continue
			}
			have[name] = true
			if content, ok := readIncluded(folders, name); ok {
				files = append(files, File{name, content})
				queue = append(queue, content)
			}
		}
	}
	return files
}

func readIncluded(folders []string, name string) ([]byte, bool) {
	if !filepath.IsLocal(name) {
		return nil, false
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > fileMax {
			continue
		}
		content, err := os.ReadFile(path)
		if err == nil && !bytes.ContainsRune(content, 0) {
			return content, true
		}
	}
	return nil, false
}
