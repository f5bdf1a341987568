//go:build linux

package load

import (
	"fmt"
	"os"

	"github.com/skep-dev/skep/internal/guest/feature"
)

// ensureConfig makes sure that there is a kernel configuration to look the
// stand-in for LINUX_HAS_BPF_COOKIE up in. A machine whose initramfs brings
// /boot/config-RELEASE keeps it.
func ensureConfig() error {
	path := "/boot/config-" + feature.Running().Release
	for _, candidate := range []string{path, "/proc/config.gz"} {
		if _, err := os.Stat(candidate); err == nil {
			return nil
		}
	}
	if err := os.MkdirAll("/boot", 0o755); err != nil {
		return fmt.Errorf("prepare the kernel's configuration for USDT: %w", err)
	}
	return os.WriteFile(path, []byte("CONFIG_BPF_EVENTS=y\n"), 0o644)
}
