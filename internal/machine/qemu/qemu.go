// Package qemu is the engine that runs machines in QEMU: microvm without
// legacy devices, under KVM where that really works, else emulated by TCG,
// each process in a jail of its own.
package qemu

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/skep-dev/skep/internal/machine"
)

const program = "qemu-system-x86_64"

// Options of an engine. The zero value finds everything and emulates.
type Options struct {
	// KVM uses hardware virtualisation. Probe says whether that works.
	KVM bool
}

// Engine implements machine.Engine.
type Engine struct {
	jail    jail
	accel   string
	cpu     string
	version string
}

// New finds QEMU and bubblewrap.
func New(o Options) (*Engine, error) {
	e := &Engine{
		// A thread for each processor, though there is one: the loop that
		// shares a thread among processors wakes up by a timer of its own,
		// and a run takes a tenth longer. The cache holds what a run needs.
		accel: "tcg,thread=multi,tb-size=64",
		// A plain model: a run of the exec tracer on Linux 7.2 takes 60 ms of
		// processor time, on max and Haswell 120 to 140. What they have
		// more is XSAVE, likely the cause: qemu64, without, is as fast. The
		// version's number makes it the same in every QEMU.
		cpu: "Nehalem-v1",
	}
	if o.KVM {
		e.accel, e.cpu, e.jail.kvm = "kvm", "host", true
	}
	for _, tool := range []struct {
		path      *string
		name, pkg string
	}{
		{&e.jail.qemu, program, "qemu-system-x86"},
		{&e.jail.bwrap, "bwrap", "bubblewrap"},
		{&e.jail.prlimit, "prlimit", "util-linux"},
		{&e.jail.unshare, "unshare", "util-linux"},
	} {
		path, err := find(tool.name, tool.pkg)
		if err != nil {
			return nil, err
		}
		*tool.path = path
	}
	output, err := exec.Command(e.jail.qemu, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask QEMU for its version: %w", err)
	}
	e.version, _, _ = strings.Cut(string(output), "\n")
	return e, nil
}

// Identity implements machine.Engine.
func (e *Engine) Identity() string {
	words := append([]string{e.version, kernelCommand(0, false)}, flatten(base(e.accel, e.cpu, false))...)
	return strings.Join(words, "\n")
}

// Boot implements machine.Engine.
func (e *Engine) Boot(ctx context.Context, image machine.Image) (machine.VM, error) {
	ram, err := machine.NewMemory("ram", machine.Memory)
	if err != nil {
		return nil, err
	}
	jail := e.jail
	jail.binds = [][2]string{{image.VMLinux, jailKernel}, {image.Initramfs, jailInitramfs}}
	khz := hostTSCKHz()
	if jail.kvm {
		khz = 0 // the guest reads it from the hypervisor
	}
	devices := append(base(e.accel, e.cpu, true), linux{image, kernelCommand(khz, image.Console)})
	v, err := start(ctx, jail.command(flatten(devices)), ram)
	if err != nil {
		_ = ram.Close()
		return nil, fmt.Errorf("boot a machine: %w", err)
	}
	v.ram = ram
	return v, nil
}

// Restore implements machine.Engine.
func (e *Engine) Restore(ctx context.Context, snapshot *machine.Snapshot) (machine.VM, error) {
	ram, state, err := snapshot.Files()
	if err != nil {
		return nil, err
	}
	defer state.Close()
	devices := append(base(e.accel, e.cpu, false), flag{"-incoming", "defer", "-S"})
	v, err := start(ctx, e.jail.command(flatten(devices)), ram, state)
	if err != nil {
		return nil, fmt.Errorf("restore a machine: %w", err)
	}
	if err = snapshot.Wait(ctx); err == nil {
		err = incoming(ctx, v)
	}
	if err != nil {
		err = v.explain(err)
		_ = v.Close()
		return nil, fmt.Errorf("restore a machine: %w", err)
	}
	return v, nil
}

func incoming(ctx context.Context, v *vm) error {
	if err := v.monitor.ignoreShared(ctx); err != nil {
		return err
	}
	uri := fmt.Sprintf("fd:%d", fdState)
	if err := v.monitor.execute(ctx, "migrate-incoming", map[string]any{"uri": uri}, nil); err != nil {
		return err
	}
	return v.monitor.waitMigrated(ctx)
}

var _ machine.Engine = (*Engine)(nil)
