package machine

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine/initramfs"
)

// modules that a machine loads where its kernel has them as modules: the
// channel, the links of scenes, and what attaching needs. The order is not
// important, dependencies are added.
var modules = []string{
	"virtio_mmio", "virtio_console",
	"veth", "dummy", "netkit", "sch_ingress", "sch_clsact", "cls_bpf", "cls_matchall", "act_bpf",
	"af_packet", "tcp_diag", "nf_defrag_ipv4", "nf_defrag_ipv6",
}

// guestModules is where the guest looks for them.
const guestModules = "/modules"

// rootFiles are the programs in every machine.
func rootFiles() ([]initramfs.File, error) {
	busybox, err := findBusybox()
	if err != nil {
		return nil, err
	}
	var files []initramfs.File
	for _, f := range []struct {
		inside string
		find   func() (string, error)
	}{
		{"/init", func() (string, error) { return libexec.Find(libexec.Guest) }},
		{"/bin/target", func() (string, error) { return libexec.Find(libexec.Target) }},
		{"/bin/busybox", func() (string, error) { return busybox, nil }},
	} {
		outside, err := f.find()
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(outside)
		if err != nil {
			return nil, fmt.Errorf("read %s for the machine: %w", outside, err)
		}
		files = append(files, initramfs.File{Path: f.inside, Mode: 0o755, Data: data})
	}
	return files, nil
}

// findBusybox looks for Debian's static busybox: there is no dynamic linker in
// a machine.
func findBusybox() (string, error) {
	for _, path := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		file, err := elf.Open(path)
		if err != nil {
			continue
		}
		libraries, err := file.ImportedLibraries()
		_ = file.Close()
		if err == nil && len(libraries) == 0 {
			return path, nil
		}
	}
	return "", errors.New("no static busybox was found: run 'make setup', or install Debian's package busybox-static")
}

// writeInitramfs makes a kernel's initramfs in dir.
func writeInitramfs(dir string, k *kernel.Kernel) (path string, err error) {
	files, err := rootFiles()
	if err != nil {
		return "", err
	}
	if config := k.Config(); config != "" { // for extern variables of .kconfig
		data, err := os.ReadFile(config)
		if err != nil {
			return "", fmt.Errorf("read the kernel's configuration: %w", err)
		}
		files = append(files, initramfs.File{Path: "/boot/config-" + k.Release, Mode: 0o644, Data: data})
	}
	loadable, err := k.Modules(modules...)
	if err != nil {
		return "", err
	}
	list := make([]initramfs.Module, len(loadable))
	for i, m := range loadable {
		list[i] = initramfs.Module{Name: m.Name, Data: m.Data}
	}
	path = filepath.Join(dir, "initramfs")
	file, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("write the initramfs: %w", err)
	}
	defer file.Close()
	if err := initramfs.Write(file, files, guestModules, list); err != nil {
		return "", err
	}
	return path, file.Close()
}
