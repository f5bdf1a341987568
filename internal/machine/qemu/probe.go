package qemu

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/skep-dev/skep/internal/machine"
	"golang.org/x/sys/unix"
)

// ProbeDeadline is how long a kernel may take to boot under KVM; where KVM
// works it takes a second.
const ProbeDeadline = 15 * time.Second

// verdict is what a probe found, for the host that it ran on.
type verdict struct {
	Host  string `json:"host"` // what was probed: see hostIdentity
	Works bool   `json:"works"`
	Why   string `json:"why"`
}

const verdictFile = "kvm.json"

// KVMWorks tells what Probe found on this host since it started; false if
// nobody probed. SKEP_ENGINE=tcg or kvm overrides it.
func KVMWorks(cacheDir string) bool {
	switch os.Getenv("SKEP_ENGINE") {
	case "tcg":
		return false
	case "kvm":
		return true
	}
	v, ok := readVerdict(cacheDir)
	return ok && v.Works
}

// Probed tells whether this host was probed already, and what came of it.
func Probed(cacheDir string) (why string, ok bool) {
	v, ok := readVerdict(cacheDir)
	return v.Why, ok
}

func readVerdict(cacheDir string) (verdict, bool) {
	var v verdict
	text, err := os.ReadFile(filepath.Join(cacheDir, verdictFile))
	if err != nil || json.Unmarshal(text, &v) != nil {
		return v, false
	}
	return v, v.Host == hostIdentity()
}

// hostIdentity changes when the host is another or was started anew, or when this
// user may use its KVM and might not before.
func hostIdentity() string {
	var name unix.Utsname
	_ = unix.Uname(&name) // an empty release is as good a name
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	access := "no KVM"
	if unix.Access("/dev/kvm", unix.R_OK|unix.W_OK) == nil {
		access = "KVM"
	}
	return unix.ByteSliceToString(name.Release[:]) + " " + string(boot) + " " + access
}

// Probe finds out whether KVM boots a guest here, by booting one with a
// deadline: there are hosts with a /dev/kvm under which guests hang for ever.
// The answer is kept in cacheDir.
func Probe(ctx context.Context, image machine.Image, cacheDir string) (works bool, why string, err error) {
	works, why = probe(ctx, image, ProbeDeadline)
	if ctx.Err() != nil {
		return false, "", ctx.Err()
	}
	text, err := json.Marshal(verdict{hostIdentity(), works, why})
	if err != nil {
		return works, why, err
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return works, why, err
	}
	return works, why, os.WriteFile(filepath.Join(cacheDir, verdictFile), append(text, '\n'), 0o644)
}

func probe(ctx context.Context, image machine.Image, deadline time.Duration) (works bool, why string) {
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false, "KVM cannot be used: " + err.Error()
	}
	_ = device.Close()
	engine, err := New(Options{KVM: true})
	if err != nil {
		return false, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	m, _, err := machine.Boot(ctx, engine, image)
	if err != nil {
		return false, "/dev/kvm is there, but a guest does not boot under it: " + err.Error()
	}
	_ = m.Close()
	return true, "KVM boots guests"
}
