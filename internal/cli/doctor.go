package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"github.com/skep-dev/skep/internal/machine/qemu"
	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/source"
)

type doctorCommand struct{}

// checkup is one thing that skep needs.
type checkup struct {
	what  string
	check func(ctx context.Context) (found string, err error)
}

// doctorProgram is what a real run is tried with.
const doctorProgram = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	bpf_ringbuf_output(&events, &now, sizeof(now), 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`

// Run checks everything, also what comes after something that is missing, and
// ends with real runs.
func (c *doctorCommand) Run(ctx context.Context, t *terminal) error {
	checkups := []checkup{
		{"QEMU", versionOf("qemu-system-x86_64", "--version")},
		{"bubblewrap (jails)", checkJail},
		{"clang 19", versionOf("clang-19", "--version")},
		{"compile program", libexecOf(libexec.Compiler)},
		{"guest", libexecOf(libexec.Guest)},
		{"hardware virtualisation", checkKVM},
	}
	kernels, err := openKernels().List()
	if err != nil {
		return err
	}
	if len(kernels) == 0 {
		checkups = append(checkups, checkup{"kernels", func(context.Context) (string, error) {
			return "", fmt.Errorf("none: run 'skep kernel pull'")
		}})
	}
	for _, k := range kernels {
		checkups = append(checkups, checkup{"a run on Linux " + k.Series, func(ctx context.Context) (string, error) {
			return tryRun(ctx, t, k)
		}})
	}
	bad := 0
	for _, check := range checkups {
		found, err := check.check(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		mark, text := "ok  ", found
		if err != nil {
			bad++
			mark, text = "BAD ", err.Error()
		}
		fmt.Fprintf(t.out, "%s %s: %s\n", mark, check.what, text)
	}
	if bad > 0 {
		return &exitError{run.ExitOurs, fmt.Sprintf("%d of %d checks failed", bad, len(checkups))}
	}
	return nil
}

func versionOf(name string, args ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		output, err := exec.CommandContext(ctx, name, args...).Output()
		if err != nil {
			return "", fmt.Errorf("%w: run 'make setup'", err)
		}
		line, _, _ := strings.Cut(string(output), "\n")
		return line, nil
	}
}

func libexecOf(name string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return libexec.Find(name) }
}

// checkJail really makes the name spaces that jails are made of.
func checkJail(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s (are unprivileged user name spaces allowed here?)", err, strings.TrimSpace(string(output)))
	}
	return "name spaces work", nil
}

func checkKVM(context.Context) (string, error) {
	if why, ok := qemu.Probed(cacheDir()); ok {
		first, _, _ := strings.Cut(why, "\n") // QEMU may have had more to say
		return first, nil
	}
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return "none; machines are emulated", nil
	}
	return "not probed yet ('skep setup' does); machines are emulated", nil
}

func tryRun(ctx context.Context, t *terminal, k *kernel.Kernel) (string, error) {
	program, err := source.New("doctor.bpf.c", []byte(doctorProgram))
	if err != nil {
		return "", err
	}
	b, err := newBackend(func(text string) { fmt.Fprintln(t.err, text) })
	if err != nil {
		return "", err
	}
	defer b.Close()
	plan, _, err := scene.Draw(scene.Default(), nil)
	if err != nil {
		return "", err
	}
	events := 0
	began := time.Now()
	var first time.Duration
	runner := &run.Runner{Compiler: b.compiler, Machines: b}
	end := runner.Run(ctx, run.Request{Program: program, Kernel: k, Scene: plan}, func(e run.Event) {
		if _, ok := e.Body.(run.Record); ok {
			if events == 0 {
				first = time.Since(began)
			}
			events++
		}
	})
	switch {
	case end.State != run.Done:
		return "", fmt.Errorf("%s: %s", end.State, end.Message)
	case events == 0:
		return "", fmt.Errorf("the program ran, but no event arrived")
	}
	return fmt.Sprintf("%d events, the first after %v", events, first.Round(time.Millisecond)), nil
}
