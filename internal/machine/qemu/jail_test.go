package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skep-dev/skep/internal/machine"
)

// jailed runs a shell script in place of QEMU, with the command line that QEMU
// gets, and returns what it printed.
func jailed(t *testing.T, j jail, script string) string {
	t.Helper()
	j.qemu = "/bin/busybox"
	words := j.command([]string{"sh", "-c", script})
	cmd := newCommand(words)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, output)
	}
	return strings.TrimSpace(string(output))
}

// TestJail tries what a QEMU that was taken over would try. As root it does so
// a second time as an ordinary user, whose rights are all that skep needs.
func TestJail(t *testing.T) {
	engine := newEngine(t)
	t.Setenv("SECRET", "leaked")
	if _, err := os.Stat("/bin/busybox"); err != nil {
		t.Fatal("busybox is not installed: run make setup")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernel", "initramfs", "other snapshot"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("this is the "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	j := engine.jail
	j.binds = [][2]string{{filepath.Join(dir, "kernel"), jailKernel}, {filepath.Join(dir, "initramfs"), jailInitramfs}}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/root"
	}
	for _, c := range []struct{ name, script, want string }{
		{"user", "id -u; id -g", "65534\n65534"},
		{"capabilities", "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | tr -d '\\t' | cut -d: -f2 | sort -u", "0000000000000000"},
		{"new privileges", "grep NoNewPrivs /proc/self/status | cut -f2", "1"},
		{"links", "ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", "lo"},
		{"routes", "tail -n +2 /proc/net/route; grep -v ' lo$' /proc/net/ipv6_route; true", ""},
		{"processes", "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | cut -d' ' -f1; done | grep -v -e bwrap -e busybox -e grep; true", ""},
		{"root", "ls -A / | tr '\\n' ' '", rootListing(t)},
		{"writing", "for d in / /tmp /dev /dev/shm /boot /usr /proc/sys/kernel; do touch $d/x 2>/dev/null && echo $d; done; true", ""},
		{"accounts and homes", "ls -d /etc /root /home /var /run /srv /mnt /sys " + home + " " + dir + " 2>/dev/null; true", ""},
		{"boot files", "cat " + jailKernel + "; echo; cat " + jailInitramfs + "; ls /boot | wc -l", "this is the kernel\nthis is the initramfs2"},
		{"environment", "env | cut -d= -f1 | sort | grep -v -e PATH -e PWD -e SHLVL; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep SECRET; true", ""},
		{"host name", "hostname", "machine"},
		{"devices", "ls /dev | grep -E 'sd|vd|nvme|kvm|mem|kmsg|mapper|fuse|loop'; true", ""},
		{"mounting", "mount -t tmpfs none /tmp 2>/dev/null && echo mounted; true", ""},
		{"signals to others", "kill -0 -1 2>/dev/null; kill -9 1; echo alive", "alive"},
		{"limits", "ulimit -c; ulimit -n; ulimit -f; ulimit -v", fmt.Sprintf("0\n128\n%d\n%d", (1<<30)/512, (4<<30)/1024)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := jailed(t, j, c.script); got != c.want {
				t.Errorf("%s\nprinted %q\nwant    %q", c.script, got, c.want)
			}
		})
	}
	t.Run("as an ordinary user", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("we are one")
		}
		again := asUser(t)
		if output, err := again.CombinedOutput(); err != nil || strings.Contains(string(output), "no tests to run") {
			t.Errorf("%v\n%s", err, output)
		}
	})
}

// rootListing is what the jail's root has: the system folders that this host
// has, and what the jail makes.
func rootListing(t *testing.T) string {
	t.Helper()
	list := []string{"boot", "dev", "proc", "tmp"}
	for _, folder := range systemFolders {
		if _, err := os.Lstat(folder); err == nil {
			list = append(list, strings.TrimPrefix(folder, "/"))
		}
	}
	// as ls sorts
	cmd := exec.Command("sort")
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdin = strings.NewReader(strings.Join(list, "\n"))
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(output)), " ")
}

// asUser is this test again as user 1000, from a copy of its program that the
// user may read.
func asUser(t *testing.T) *exec.Cmd {
	t.Helper()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "skep-jail-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	copied := filepath.Join(folder, "qemu.test")
	if err := os.WriteFile(copied, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), copied, "-test.run", "^TestJail$", "-test.count", "1")
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	return cmd
}

// The real QEMU has what the jail's probe had, and seccomp's filter besides.
func TestQEMUIsConfined(t *testing.T) {
	k := kernels(t, "7")[0]
	shelf := machine.Shelf{Dir: t.TempDir()}
	err := shelf.WithImage(k, func(image machine.Image) error {
		vm, err := newEngine(t).Boot(t.Context(), image)
		if err != nil {
			return err
		}
		defer vm.Close()
		pid, err := qemuBelow(vm.PID())
		if err != nil {
			return err
		}
		for name, want := range map[string]string{
			"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0000000000000000", "CapBnd": "0000000000000000",
		} {
			if got := status(t, pid, name); got != want {
				t.Errorf("QEMU's %s is %s, want %s", name, got, want)
			}
		}
		for _, space := range []string{"user", "pid", "net", "mnt", "ipc", "uts"} {
			ours, _ := os.Readlink("/proc/self/ns/" + space)
			its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, space))
			if err == nil && ours == its {
				t.Errorf("QEMU is in our %s name space", space)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// qemuBelow finds QEMU among the descendants of a jail's first process.
func qemuBelow(pid int) (int, error) {
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			return 0, err
		}
		if _, err := fmt.Sscan(string(text), &pid); err != nil {
			return 0, fmt.Errorf("process %d has no child", pid)
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			return 0, err
		}
		if strings.HasPrefix(program, strings.TrimSpace(string(name))) {
			return pid, nil
		}
	}
}

func status(t *testing.T, pid int, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "not there"
}

// What a probe found holds for this start of this host, and no other.
func TestVerdict(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SKEP_ENGINE", "")
	if _, ok := Probed(dir); ok || KVMWorks(dir) {
		t.Error("there is a verdict before the probe")
	}
	for _, c := range []struct {
		name, host, engine string
		found              bool
		probed, works      bool
	}{
		{"works", hostIdentity(), "", true, true, true},
		{"does not work", hostIdentity(), "", false, true, false},
		{"another host", "another", "", true, false, false},
		{"works but is not wanted", hostIdentity(), "tcg", true, true, false},
		{"is wanted all the same", hostIdentity(), "kvm", false, true, true},
	} {
		text, err := json.Marshal(verdict{c.host, c.found, "because"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, verdictFile), text, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SKEP_ENGINE", c.engine)
		if _, ok := Probed(dir); ok != c.probed || KVMWorks(dir) != c.works {
			t.Errorf("%s: probed %v, works %v", c.name, ok, KVMWorks(dir))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Probe(ctx, machine.Image{}, dir); err == nil {
		t.Error("a probe that was cancelled has an answer")
	}
}
