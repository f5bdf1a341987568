// Package kernel keeps the stock kernels that programs run on: it finds,
// fetches, checks and unpacks Debian's cloud kernels, and hands out their
// images, BTF and modules.
//
// A [Store] is a folder with one sub-folder per kernel. A kernel appears in it
// by one rename, so that what is listed is whole, and is never changed after.
package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/cilium/ebpf/btf"
)

// Names of the files in a kernel's folder.
const (
	recordFile  = "kernel.json"
	vmlinuxFile = "vmlinux"
	btfFile     = "btf"
	configFile  = "config"
	modulesDir  = "modules"
)

// Kernel is one kernel that was unpacked. It is safe for concurrent use.
type Kernel struct {
	// Series is the first two numbers of the release: "6.1".
	Series string
	// Release is what uname -r prints: "6.1.0-56-cloud-amd64".
	Release string
	// Package is the Debian package that the image came from. It is empty for
	// a kernel that was given as a file.
	Package string
	// Version is the package's version, such as "6.1.192-2". It is empty for a
	// kernel that was given as a file.
	Version string
	// Dir is the kernel's folder in the store.
	Dir string

	hash    string
	config  string
	modules string // empty if there are none

	spec    func() (*btf.Spec, error)
	indexed func() (moduleIndex, error)
}

// record is a Kernel as kernel.json holds it.
type record struct {
	Series  string `json:"series"`
	Release string `json:"release"`
	Package string `json:"package,omitempty"`
	Version string `json:"version,omitempty"`
	// VMLinux is the SHA-256 of vmlinux in hexadecimal digits.
	VMLinux string `json:"vmlinux_sha256"`
}

// VMLinux is the path of the decompressed ELF image. It has a PVH entry point,
// through which QEMU's microvm starts it without a boot loader.
func (k *Kernel) VMLinux() string { return filepath.Join(k.Dir, vmlinuxFile) }

// BTF is the path of the kernel's raw BTF: the bytes of vmlinux's .BTF section,
// as /sys/kernel/btf/vmlinux holds them in a running kernel.
func (k *Kernel) BTF() string { return filepath.Join(k.Dir, btfFile) }

// Config is the path of the kernel's build configuration, lines of
// CONFIG_NAME=value. It is empty for a kernel that was given as a file without
// one beside it.
func (k *Kernel) Config() string { return k.config }

// ModulesDir is the folder that holds kernel/ and modules.builtin, laid out as
// /lib/modules/RELEASE is. It is empty if the kernel has no modules.
func (k *Kernel) ModulesDir() string { return k.modules }

// ID names the kernel by content: 32 hexadecimal digits out of the SHA-256 of
// vmlinux. It is meant for the keys of caches.
func (k *Kernel) ID() string { return k.hash[:32] }

// String is the name that people use: series and release.
func (k *Kernel) String() string { return k.Series + " (" + k.Release + ")" }

// BTFSpec parses the kernel's BTF once. The types in it are shared: copy one
// before changing it.
func (k *Kernel) BTFSpec() (*btf.Spec, error) { return k.spec() }

// Size is the space on disk that the kernel's folder takes, in bytes.
func (k *Kernel) Size() (int64, error) {
	var size int64
	err := filepath.WalkDir(k.Dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size += stat.Blocks * 512 // st_blocks counts 512 bytes whatever the file system's block is
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure kernel %s: %w", k.Release, err)
	}
	return size, nil
}

// load reads the kernel in dir. The error wraps fs.ErrNotExist if dir holds no
// whole kernel.
func load(dir string) (*Kernel, error) {
	raw, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return nil, fmt.Errorf("read kernel: %w", err)
	}
	var rec record
	if err := json.Unmarshal(raw, &rec); err != nil {
		return nil, fmt.Errorf("read kernel %s: %w", filepath.Join(dir, recordFile), err)
	}
	if len(rec.VMLinux) != 64 || rec.Release == "" || rec.Series == "" {
		return nil, fmt.Errorf("read kernel %s: release, series or hash is missing", filepath.Join(dir, recordFile))
	}
	k := &Kernel{
		Series:  rec.Series,
		Release: rec.Release,
		Package: rec.Package,
		Version: rec.Version,
		Dir:     dir,
		hash:    rec.VMLinux,
		config:  filepath.Join(dir, configFile),
	}
	if own := filepath.Join(dir, modulesDir); isDir(own) {
		k.modules = own
	}
	for _, path := range []string{k.VMLinux(), k.BTF()} {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("read kernel: %w", err)
		}
	}
	k.spec = sync.OnceValues(k.loadBTF)
	k.indexed = sync.OnceValues(func() (moduleIndex, error) { return indexModules(k.modules) })
	return k, nil
}

func (k *Kernel) loadBTF() (*btf.Spec, error) {
	raw, err := os.ReadFile(k.BTF())
	if err != nil {
		return nil, fmt.Errorf("read BTF of kernel %s: %w", k.Release, err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse BTF of kernel %s: %w", k.Release, err)
	}
	return spec, nil
}

func writeRecord(dir string, rec record) error {
	raw, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordFile), append(raw, '\n'), 0o644)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
