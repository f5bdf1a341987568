package boot

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

// Up brings the machine up and says hello to the host. What it returns is the
// channel on which the host's frames arrive.
//
// A failure leaves nothing to talk over, so it goes to the console, where the
// host looks when a machine dies before its hello.
func Up() (*channel, error) {
	failed, err := mountAll(mounts)
	if err != nil {
		return nil, err
	}
	loaded, missing := loadModules(ModulesDir)
	failed = append(failed, missing...)
	steps := []struct {
		what string
		do   func() error
	}{
		{"write files", writeFiles},
		{"install busybox", installBusybox},
		{"set up the network", setUpNetwork},
		{"count program runs", countRuns},
		{"quiet the kernel", quietKernel},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", step.what, err))
		}
	}
	port, err := openChannel(10 * time.Second)
	if err != nil {
		return nil, err
	}
	hello := wire.Hello{Release: release(), Modules: loaded, Errors: failed, Seconds: sinceBoot().Seconds()}
	if err := wire.WriteJSON(port, wire.KindHello, hello); err != nil {
		return nil, err
	}
	return port, nil
}

// installBusybox makes a link for every command that Debian's busybox has.
func installBusybox() error {
	const path = "/bin/busybox"
	if _, err := os.Stat(path); err != nil {
		return err
	}
	for _, dir := range []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if output, err := exec.Command(path, "--install", "-s").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}

// quiet are settings that spare a machine which lives for seconds some work.
var quiet = []struct{ path, value string }{
	// All but emergencies stays off the serial console, which costs an exit
	// to the host for every byte.
	{"kernel/printk", "1"},
	{"vm/stat_interval", "300"},          // seconds; 1 otherwise
	{"vm/compaction_proactiveness", "0"}, // otherwise memory is looked through twice a second
}

func quietKernel() error {
	var errs []error
	for _, q := range quiet {
		errs = append(errs, os.WriteFile("/proc/sys/"+q.path, []byte(q.value), 0o644))
	}
	return errors.Join(errs...)
}

// countRuns makes the kernel count how often programs run, and for how long.
// It rewrites the kernel's code for that, which takes milliseconds.
func countRuns() error {
	return os.WriteFile("/proc/sys/kernel/bpf_stats_enabled", []byte("1"), 0o644)
}

func release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

func sinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
