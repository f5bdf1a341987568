package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
)

var virtme = benchmark{
	name: "virtme-ng",
	words: `From source on disk to the first event of the exec tracer on the newest kernel, as a person at a terminal does it.
ours:  what 'skep run' does: compile, restore the snapshot (no pool), load, attach, workload, event.
other: clang-19 -O2 -g with the whole vmlinux.h, llvm-strip-19 -g, then virtme-ng of Debian trixie from a private
       copy, in the same QEMU and, without KVM, with --disable-kvm: vng --run VMLINUZ --user root -- loader OBJECT.
       The loader is 60 lines on cilium/ebpf (bench/loader). The files come over virtiofs: cloud kernels have no 9p.`,
	run: func(ctx context.Context, l *lab, t *table) error {
		k := l.latest()
		v, err := l.installVirtme(ctx, k)
		if err != nil {
			t.row(row{figure: "source to event, Linux " + k.Series, note: "virtme-ng is not here: " + err.Error()})
			return nil
		}
		r := row{figure: "source to event, Linux " + k.Series, unit: "ms"}
		for range l.times(3) {
			path, err := l.fresh("execsnoop.bpf.c")
			if err != nil {
				return err
			}
			took, err := l.untilEvent(ctx, l.runner(l.restore), path, k, time.Now())
			if err != nil {
				return err
			}
			r.ours.add(took)
			if took, err = v.untilEvent(ctx, path); err != nil {
				return err
			}
			r.other.add(took)
		}
		t.row(r)
		return nil
	},
}

// virtmeNG runs objects under virtme-ng.
type virtmeNG struct {
	plain          *plain
	vng, loader    string
	image          string
	hasHardware    bool
	neededDeadline time.Duration
}

// installVirtme unpacks virtme-ng once, builds the loader and lays out the
// kernel as Debian's package would: none of it is part of the figure.
func (l *lab) installVirtme(ctx context.Context, k *kernel.Kernel) (*virtmeNG, error) {
	dir := filepath.Join(l.cache, "virtme-ng")
	v := &virtmeNG{
		vng: filepath.Join(dir, "vng"), loader: filepath.Join(l.work, "loader"),
		hasHardware:    strings.Contains(l.engine.Identity(), "\nkvm\n"),
		neededDeadline: 3 * time.Minute, // it takes half a minute emulated on two busy processors
	}
	if _, err := os.Stat(v.vng); err != nil {
		install := exec.CommandContext(ctx, "bench/virtme-ng.sh", dir)
		if out, err := install.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("unpack it: %w: %s", err, lastLine(out))
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", v.loader, "./bench/loader")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the loader: %w: %s", err, lastLine(out))
	}
	var err error
	if v.plain, err = l.plainCompiler(k); err != nil {
		return nil, err
	}
	v.image, err = layOut(filepath.Join(l.work, "root-"+k.Release), k)
	return v, err
}

// layOut makes boot/vmlinuz-RELEASE and lib/modules/RELEASE, where virtme-ng
// looks for modules.
func layOut(root string, k *kernel.Kernel) (image string, err error) {
	image = filepath.Join(root, "boot", "vmlinuz-"+k.Release)
	modules := filepath.Join(root, "lib", "modules", k.Release)
	for _, dir := range []string{filepath.Dir(image), modules} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.Symlink(k.VMLinux(), image); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(k.ModulesDir())
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		if err := os.Symlink(filepath.Join(k.ModulesDir(), entry.Name()), filepath.Join(modules, entry.Name())); err != nil {
			return "", err
		}
	}
	return image, nil
}

// untilEvent compiles and waits for the loader's line. What follows, the end
// of the guest, is not counted.
func (v *virtmeNG) untilEvent(ctx context.Context, path string) (time.Duration, error) {
	begin := time.Now()
	object, err := v.plain.compile(ctx, path)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, v.neededDeadline)
	defer cancel()
	words := []string{"--run", v.image, "--user", "root"}
	if !v.hasHardware {
		words = append(words, "--disable-kvm")
	}
	command := exec.CommandContext(ctx, v.vng, append(words, "--", v.loader+" "+object)...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 5 * time.Second
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := command.Start(); err != nil {
		return 0, err
	}
	var took time.Duration
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event ") && took == 0 {
			took = time.Since(begin)
		}
	}
	err = command.Wait()
	if took == 0 {
		return 0, fmt.Errorf("virtme-ng's guest printed no event: %w (%s)", errors.Join(err, ctx.Err()), lastLine([]byte(complaints.String())))
	}
	return took, nil
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
