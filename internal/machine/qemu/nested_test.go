package qemu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/machine"
	"github.com/skep-dev/skep/internal/machine/initramfs"
	"github.com/skep-dev/skep/internal/scene"
	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

// KVM is tried for real in a machine of its own: QEMU emulates AMD's
// virtualisation, so that an outer guest with stock Linux 6.12 has a /dev/kvm
// that works, on any host. Its first process is this test's program.
const (
	nestedVariable = "SKEP_TEST_NESTED"
	nestedModules  = "/modules"
	nestedKernel   = "/inner/vmlinux"
	nestedArchive  = "/inner/initramfs"
	nestedObject   = "/inner/idle.bpf.o"
	nestedPass     = "nested: all is well"
)

func TestKVMNested(t *testing.T) {
	const patience = 5 * time.Minute
	list := kernels(t, "6.12", "6.1")
	outer, inner := list[0], list[1]
	engine := newEngine(t)
	archive := filepath.Join(t.TempDir(), "initramfs")
	shelf := machine.Shelf{Dir: t.TempDir()}
	err := shelf.WithImage(inner, func(image machine.Image) error {
		return writeNested(archive, outer, map[string]string{
			"/init":             os.Args[0],
			nestedKernel:        image.VMLinux,
			nestedArchive:       image.Initramfs,
			nestedObject:        "../testdata/idle.bpf.o",
			engine.jail.qemu:    engine.jail.qemu,
			engine.jail.bwrap:   engine.jail.bwrap,
			engine.jail.prlimit: engine.jail.prlimit,
			engine.jail.unshare: engine.jail.unshare,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, engine.jail.qemu,
		"-M", "q35", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "3000",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", outer.VMLinux(), "-initrd", archive,
		"-append", kernelCommand(hostTSCKHz(), false)+" "+nestedVariable+"=1")
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	err = cmd.Run()
	if !strings.Contains(console.String(), nestedPass) {
		t.Errorf("KVM in a nested machine: %v, %v\n%s", err, context.Cause(ctx), console.String())
	}
	t.Logf("the outer machine said:\n%s", console.String())
}

// writeNested writes the outer machine's archive: programs with their
// libraries, QEMU's firmware, and the modules that make /dev/kvm.
func writeNested(archive string, outer *kernel.Kernel, contents map[string]string) error {
	for _, program := range []string{program, "bwrap", "prlimit", "unshare", os.Args[0]} {
		libraries, err := librariesOf(program)
		if err != nil {
			return err
		}
		for _, path := range libraries {
			contents[path] = path
		}
	}
	for _, name := range []string{"bios-microvm.bin", "qboot.rom", "pvh.bin", "linuxboot.bin", "linuxboot_dma.bin", "kvmvapic.bin"} {
		for _, dir := range []string{"/usr/share/qemu", "/usr/share/seabios"} {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err == nil {
				contents[path] = path
			}
		}
	}
	var files []initramfs.File
	for inside, outside := range contents {
		data, err := os.ReadFile(outside)
		if err != nil {
			return err
		}
		files = append(files, initramfs.File{Path: inside, Mode: 0o755, Data: data})
	}
	loadable, err := outer.Modules("kvm_amd")
	if err != nil {
		return err
	}
	var modules []initramfs.Module
	for _, m := range loadable {
		modules = append(modules, initramfs.Module{Name: m.Name, Data: m.Data})
	}
	file, err := os.Create(archive)
	if err != nil {
		return err
	}
	return errors.Join(initramfs.Write(file, files, nestedModules, modules), file.Close())
}

var libraryPath = regexp.MustCompile(`(/\S+) \(0x`)

// librariesOf lists what a program is linked with, and its dynamic linker.
func librariesOf(program string) ([]string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	output, err := exec.Command("ldd", path).CombinedOutput()
	if err != nil && !bytes.Contains(output, []byte("not a dynamic executable")) {
		return nil, fmt.Errorf("ldd %s: %w: %s", path, err, output)
	}
	var list []string
	for _, match := range libraryPath.FindAllSubmatch(output, -1) {
		list = append(list, string(match[1]))
	}
	return list, nil
}

// nestedInit is the first process of the outer machine.
func nestedInit() {
	if err := useKVM(); err != nil {
		fmt.Println("nested:", err)
	} else {
		fmt.Println(nestedPass)
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// useKVM does all that skep does with KVM.
func useKVM() error {
	if err := prepareOuter(); err != nil {
		return fmt.Errorf("prepare the outer machine: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	image := machine.Image{VMLinux: nestedKernel, Initramfs: nestedArchive}
	began := time.Now()
	said := func(what string) { fmt.Printf("nested: %5.1f s: %s\n", time.Since(began).Seconds(), what) }
	works, why := probe(ctx, image, time.Minute)
	if !works {
		return errors.New("the probe says no: " + why)
	}
	said("the probe says yes: " + why)
	engine, err := New(Options{KVM: true})
	if err != nil {
		return err
	}
	if err := machine.Prepare(ctx, engine, image, nil, "/tmp/snapshot", engine.Identity()); err != nil {
		return err
	}
	said("booted and saved")
	snapshot, err := machine.LoadSnapshot("/tmp/snapshot", engine.Identity())
	if err != nil {
		return err
	}
	defer snapshot.Close()
	for range 2 {
		words, err := askClone(ctx, engine, snapshot)
		if err != nil {
			return err
		}
		said("a clone ran " + words)
		if !strings.Contains(words, snapshot.Hello.Release) {
			return fmt.Errorf("the clone of %s says %q", snapshot.Hello.Release, words)
		}
	}
	return nil
}

// askClone restores a machine and has a scene in it tell the kernel's name.
func askClone(ctx context.Context, engine *Engine, snapshot *machine.Snapshot) (string, error) {
	parsed, err := scene.Parse([]byte("steps:\n  - run: [uname, -r]\n"))
	if err != nil {
		return "", err
	}
	plan, _, err := scene.Draw(parsed, scene.Seeded(1))
	if err != nil {
		return "", err
	}
	object, err := os.ReadFile(nestedObject)
	if err != nil {
		return "", err
	}
	m, err := machine.Restore(ctx, engine, snapshot)
	if err != nil {
		return "", err
	}
	defer m.Close()
	var result scene.Result
	end, err := m.Run(ctx, wire.Run{Scene: plan}, object, time.Second, func(f machine.Frame) error {
		if f.Kind != wire.KindStep {
			return nil
		}
		return json.Unmarshal(f.Payload, &result)
	})
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, m.Console())
	}
	if end.State != wire.StateDone {
		return "", fmt.Errorf("the clone's run ended %+v", end)
	}
	return strings.TrimSpace(string(result.Bytes)), nil
}

// prepareOuter mounts, and loads the modules.
func prepareOuter() error {
	// The archive's root has no parent mount, which bubblewrap's pivot_root
	// needs: a bind mount of it, moved over it, has.
	if err := os.Mkdir("/new", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("/", "/new", "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if err := os.Chdir("/new"); err != nil {
		return err
	}
	if err := unix.Mount("/new", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	names, err := os.ReadFile(filepath.Join(nestedModules, "order"))
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(names)) {
		module, err := os.Open(filepath.Join(nestedModules, name))
		if err != nil {
			return err
		}
		if err := unix.FinitModule(int(module.Fd()), "", 0); err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
		module.Close()
	}
	return os.Setenv("PATH", "/usr/bin:/bin")
}
