// Package boot makes a machine out of a kernel that has just started its first
// process: file systems, modules, network, accounts, and the channel to the
// host. It is the part of the guest that runs once, before the snapshot.
package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A mount is one file system of the guest.
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
	// required: without it no program can be run at all. The others are
	// missing on kernels that lack the feature; the host hears of it.
	required bool
}

// mounts in order. tracefs is mounted twice because libbpf and most tutorials
// still look below debugfs, where kernels since 6.16 no longer put it by
// themselves (CONFIG_TRACEFS_AUTOMOUNT_DEPRECATED).
var mounts = []mount{
	{source: "proc", target: "/proc", kind: "proc", required: true},
	{source: "sysfs", target: "/sys", kind: "sysfs", required: true},
	{source: "devtmpfs", target: "/dev", kind: "devtmpfs", required: true},
	{source: "devpts", target: "/dev/pts", kind: "devpts"},
	{source: "tmpfs", target: "/dev/shm", kind: "tmpfs", data: "mode=1777,size=16m"},
	{source: "tracefs", target: "/sys/kernel/tracing", kind: "tracefs", required: true},
	{source: "debugfs", target: "/sys/kernel/debug", kind: "debugfs"},
	{source: "tracefs", target: "/sys/kernel/debug/tracing", kind: "tracefs"},
	{source: "securityfs", target: "/sys/kernel/security", kind: "securityfs"},
	{source: "bpf", target: "/sys/fs/bpf", kind: "bpf", required: true},
	{source: "cgroup2", target: "/sys/fs/cgroup", kind: "cgroup2", required: true},
	{source: "tmpfs", target: "/tmp", kind: "tmpfs", data: "mode=1777,size=32m", required: true},
	{source: "tmpfs", target: "/run", kind: "tmpfs", data: "mode=755,size=16m", required: true},
}

// mountAll mounts the table and returns what failed; the error is that of a
// required one.
func mountAll(table []mount) (failed []string, err error) {
	for _, m := range table {
		if mountErr := m.mount(); mountErr != nil {
			if m.required {
				return failed, mountErr
			}
			failed = append(failed, mountErr.Error())
		}
	}
	return failed, nil
}

func (m mount) mount() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return fmt.Errorf("mount %s: %w", m.target, err)
	}
	err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data)
	if errors.Is(err, unix.EBUSY) { // devtmpfs, where the kernel mounts it by itself
		return nil
	}
	if err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.kind, m.target, err)
	}
	return nil
}

// files are what ordinary commands expect to find.
var files = []struct {
	path, text string
	mode       os.FileMode
}{
	{"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\nbob:x:1001:1001:Bob:/home/bob:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n", 0o644},
	{"/etc/group", "root:x:0:\nalice:x:1000:\nbob:x:1001:\nnogroup:x:65534:\n", 0o644},
	{"/etc/hostname", "skep\n", 0o644},
	{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n10.77.0.1 skep\n10.77.0.2 peer\n", 0o644},
	{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n", 0o644},
}

// homes are the folders that the accounts own.
var homes = map[string]int{"/home/alice": 1000, "/home/bob": 1001}

func writeFiles() error {
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	for home, id := range homes {
		if err := os.MkdirAll(home, 0o755); err != nil {
			return err
		}
		if err := os.Chown(home, id, id); err != nil {
			return err
		}
	}
	return unix.Sethostname([]byte("skep"))
}
