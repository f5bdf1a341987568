package kernel

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Stand-ins for apt, which see the same arguments. $ARCHIVE is a folder with
// the answers: mirrors, packages and .deb files.
const (
	fakeAptGet = `#!/bin/sh
for argument; do
	case $argument in
	indextargets) exec cat "$ARCHIVE/mirrors" ;;
	update)
		echo "$*" >>"$ARCHIVE/log"
		echo 'dlstatus:1:50.0:Retrieving' >&3
		cat "$ARCHIVE/update"
		cat "$ARCHIVE/complaints" >&2
		exit 0 ;;
	*=*)
		case $argument in linux-*)
			echo "$argument" >>"$ARCHIVE/log"
			if [ -e "$ARCHIVE/slow" ]; then
				echo 'dlstatus:1:10.0:Retrieving' >&3
				exec sleep 600
			fi
			cp "$ARCHIVE/${argument%%=*}.deb" . || exit 100
			echo 'dlstatus:1:100.0:Retrieving' >&3 ;;
		esac ;;
	esac
done
`
	fakeAptCache = `#!/bin/sh
case $3 in
pkgnames) sed -n 's/^Package: //p' "$ARCHIVE/packages" ;;
show) cat "$ARCHIVE/packages" ;;
esac
`
)

// archive is what the stand-ins of one test serve.
type archive struct {
	dir string
	t   *testing.T
}

func newArchive(t *testing.T) archive {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Fatal("dpkg-deb is not on this machine; kernels are Debian packages: install dpkg")
	}
	dir, bin := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{"apt-get": fakeAptGet, "apt-cache": fakeAptCache} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("ARCHIVE", dir)
	a := archive{dir: dir, t: t}
	a.put("mirrors", "http://mirror/debian bookworm main Debian\n")
	a.put("update", "Get:1 http://mirror/debian bookworm InRelease [9 kB]\n")
	a.put("complaints", "")
	a.put("packages", "")
	a.put("log", "")
	keyring := filepath.Join(dir, "keyring.gpg")
	writeTestFile(t, keyring, nil)
	known := keyrings
	keyrings = []string{keyring}
	t.Cleanup(func() { keyrings = known })
	return a
}

func (a archive) put(name, content string) {
	a.t.Helper()
	writeTestFile(a.t, filepath.Join(a.dir, name), []byte(content))
}

func (a archive) log() string {
	return string(must[[]byte](a.t)(os.ReadFile(filepath.Join(a.dir, "log"))))
}

// add builds a package with these files and lists it.
func (a archive) add(name, version string, files map[string][]byte) {
	a.t.Helper()
	root := a.t.TempDir()
	files["DEBIAN/control"] = []byte("Package: " + name + "\nVersion: " + version +
		"\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\nDescription: test\n")
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			a.t.Fatal(err)
		}
		writeTestFile(a.t, path, content)
	}
	deb := filepath.Join(a.dir, name+".deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", root, deb).CombinedOutput(); err != nil {
		a.t.Fatalf("%v: %s", err, out)
	}
	list := string(must[[]byte](a.t)(os.ReadFile(filepath.Join(a.dir, "packages"))))
	a.put("packages", list+"Package: "+name+"\nVersion: "+version+"\nSize: 4096\n\n")
}

func (a archive) addImage(release, version string) {
	a.add("linux-image-"+release, version, map[string][]byte{
		"boot/vmlinuz-" + release:                                      bzImage(packGzip(a.t, testVMLinux(a.t, release))),
		"boot/config-" + release:                                       []byte("CONFIG_BPF=y\n"),
		"boot/System.map-" + release:                                   []byte("0 t x\n"),
		"lib/modules/" + release + "/kernel/net/veth.ko":               testELF{sections: []testSection{{".modinfo", []byte("depends=\x00")}}}.bytes(a.t),
		"lib/modules/" + release + "/modules.builtin":                  []byte("kernel/net/core.ko\n"),
		"usr/share/doc/linux-image/changelog.gz":                       []byte("x"),
		"usr/src/linux-headers/kernel/lib/modules/6.1/kernel/decoy.ko": []byte("x"),
	})
}

func TestPull(t *testing.T) {
	a := newArchive(t)
	a.addImage("6.1.0-1-cloud-amd64", "6.1.1-1")
	s := Open(filepath.Join(t.TempDir(), "kernels"))
	phases := map[Phase]bool{}
	k, fetched, err := s.Pull(t.Context(), "6.1", func(p Progress) {
		phases[p.Phase] = true
		if p.Name != "6.1" || p.Done > p.Total || p.Done < 0 {
			t.Errorf("%+v", p)
		}
	})
	if err != nil || !fetched || k.Release != "6.1.0-1-cloud-amd64" || k.Version != "6.1.1-1" {
		t.Fatalf("%v, %t, %v", k, fetched, err)
	}
	if !phases[PhaseIndex] || !phases[PhaseDownload] || !phases[PhaseUnpack] {
		t.Errorf("only %v was reported", phases)
	}
	if modules, err := k.Modules("veth", "core"); len(modules) != 1 || err != nil {
		t.Errorf("%v, %v", modules, err)
	}
	var files []string
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(k.Dir)) {
		files = append(files, entry.Name())
	}
	if got := strings.Join(files, " "); got != "btf config kernel.json modules vmlinux" {
		t.Errorf("the folder has %s", got)
	}

	// Nothing new: nothing is downloaded.
	before := a.log()
	if again, fetched, err := s.Pull(t.Context(), "6.1", nil); again != k || fetched || err != nil || a.log() != before {
		t.Errorf("again: %v, %t, %v, %s", again, fetched, err, a.log())
	}

	// A newer one takes its place.
	a.addImage("6.1.0-2-cloud-amd64", "6.1.2-1")
	s = Open(s.Dir())
	if k, fetched, err := s.Pull(t.Context(), "6", nil); k.Release != "6.1.0-2-cloud-amd64" || !fetched || err != nil {
		t.Errorf("newer: %v, %t, %v", k, fetched, err)
	}
	if kernels, err := s.List(); releases(kernels) != "6.1.0-2" || err != nil {
		t.Errorf("left: %s, %v", releases(kernels), err)
	}
	assertClean(t, s)
}

// From 6.19 on, image, modules and configuration are in three packages.
func TestPullOfThreePackages(t *testing.T) {
	a := newArchive(t)
	const release = "7.3.4+deb13-cloud-amd64"
	lib := "usr/lib/modules/" + release
	a.add("linux-binary-unsigned-"+release, "7.3.4-1", map[string][]byte{
		lib + "/vmlinuz.unsigned": bzImage(packGzip(t, testVMLinux(t, release))),
	})
	a.add("linux-base-"+release, "7.3.4-1", map[string][]byte{lib + "/config": []byte("CONFIG_BPF=y\n")})
	s := Open(filepath.Join(t.TempDir(), "kernels"))
	if _, _, err := s.Pull(t.Context(), "7.3", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("without modules: %v", err)
	}
	a.add("linux-modules-"+release, "7.3.4-1", map[string][]byte{lib + "/kernel/net/veth.ko.xz": nil})
	s = Open(s.Dir())
	if _, _, err := s.Pull(t.Context(), "7", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("unsigned, and not asked for: %v", err)
	}
	k, _, err := s.Pull(t.Context(), "7.3", nil)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := os.ReadFile(k.Config()); err != nil || len(config) == 0 {
		t.Errorf("configuration: %v", err)
	}
	if state, err := k.ModuleState("veth"); state != ModuleLoadable || err != nil {
		t.Errorf("module: %d, %v", state, err)
	}
}

func TestPullFails(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(a archive)
		says  string
	}{
		"no keyring": {func(archive) { keyrings = []string{"/nonexistent"} }, "apt-get install debian-archive-keyring"},
		"no mirror":  {func(a archive) { a.put("mirrors", "") }, "knows no Debian mirror"},
		"no network": {func(a archive) {
			a.put("update", "Err:1 http://mirror/debian bookworm InRelease\n")
			a.put("complaints", "W: Failed to fetch http://mirror/debian  Temporary failure resolving 'mirror'\n")
		}, "there is no network"},
		"an image of another release": {func(a archive) {
			a.put("packages", "")
			a.add("linux-image-6.1.0-9-cloud-amd64", "6.1.9-1", map[string][]byte{
				"boot/vmlinuz-6.1.0-9-cloud-amd64": bzImage(packGzip(a.t, testVMLinux(a.t, testRelease))),
			})
		}, "has an image of " + testRelease},
		"a package without an image": {func(a archive) {
			a.put("packages", "")
			a.add("linux-image-6.1.0-9-cloud-amd64", "6.1.9-1", map[string][]byte{"boot/nothing": nil})
		}, "no such file"},
		"a broken package": {func(a archive) { a.put("linux-image-6.1.0-1-cloud-amd64.deb", "x") }, "unpack linux-image"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			a.addImage("6.1.0-1-cloud-amd64", "6.1.1-1")
			test.spoil(a)
			s := Open(filepath.Join(t.TempDir(), "kernels"))
			if _, _, err := s.Pull(t.Context(), "6.1", nil); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Error(err)
			}
			if kernels, err := s.List(); len(kernels) != 0 || err != nil {
				t.Errorf("half a kernel: %v, %v", kernels, err)
			}
			assertClean(t, s)
		})
	}
	if _, _, err := Open(t.TempDir()).Pull(t.Context(), "../6.1", nil); err == nil {
		t.Error("pulled a path")
	}
}

func TestPullCancelled(t *testing.T) {
	a := newArchive(t)
	a.addImage("6.1.0-1-cloud-amd64", "6.1.1-1")
	a.put("slow", "")
	s := Open(filepath.Join(t.TempDir(), "kernels"))
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := s.Pull(ctx, "6.1", func(p Progress) {
		if p.Phase == PhaseDownload && p.Done > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	assertClean(t, s)
}

func TestPullTogether(t *testing.T) {
	a := newArchive(t)
	a.addImage("6.1.0-1-cloud-amd64", "6.1.1-1")
	dir := filepath.Join(t.TempDir(), "kernels")
	var pulls sync.WaitGroup
	for range 4 {
		pulls.Go(func() {
			if _, _, err := Open(dir).Pull(t.Context(), "6.1", nil); err != nil {
				t.Error(err)
			}
		})
	}
	pulls.Wait()
	if got := strings.Count(a.log(), "linux-image"); got != 1 {
		t.Errorf("downloaded %d times", got)
	}
}

// assertClean fails if a pull left anything behind but kernels and lists.
func assertClean(t *testing.T, s *Store) {
	t.Helper()
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(s.Dir())) {
		name := entry.Name()
		if strings.HasPrefix(name, ".") && name != lockFile && name != aptDir {
			t.Errorf("%s was left behind", name)
		}
	}
}

func TestNeedSpace(t *testing.T) {
	dir := t.TempDir()
	if err := needSpace(dir, 1); err != nil {
		t.Error(err)
	}
	if err := needSpace(dir, 1<<62); err == nil || !strings.Contains(err.Error(), "MB are needed") {
		t.Error(err)
	}
}

// The kernels that the project's tests run on, as they were pulled.
func TestDefaultKernels(t *testing.T) {
	s := Open(DefaultDir())
	for _, name := range DefaultSeries {
		t.Run(name, func(t *testing.T) {
			k, err := s.Get(name)
			if err != nil {
				t.Fatalf("%v; the tests need the default kernels: run make setup", err)
			}
			checkKernel(t, k)
		})
	}
}

func checkKernel(t *testing.T, k *Kernel) {
	spec, err := k.BTFSpec()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spec.AnyTypeByName("task_struct"); err != nil {
		t.Error(err)
	}
	file := must[*os.File](t)(os.Open(k.VMLinux()))
	defer file.Close()
	info := must[os.FileInfo](t)(file.Stat())
	v, err := inspect(file, info.Size())
	if err != nil || v.release != k.Release || v.series != k.Series {
		t.Errorf("%s %s, %v", v.release, v.series, err)
	}
	if raw := must[[]byte](t)(os.ReadFile(k.BTF())); !bytes.Equal(raw, v.btf) {
		t.Error("the BTF beside it is not its own")
	}
	if config := must[[]byte](t)(os.ReadFile(k.Config())); !bytes.Contains(config, []byte("CONFIG_DEBUG_INFO_BTF=y")) {
		t.Error("the configuration has no BTF")
	}
	modules, err := k.Modules("virtio_mmio", "virtio_console", "veth", "sch_ingress", "cls_bpf", "act_bpf")
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, module := range modules {
		at[module.Name] = i + 1
	}
	if at["veth"] == 0 || at["virtio_mmio"] == 0 || at["virtio"] > at["virtio_mmio"] {
		t.Errorf("order of modules: %v", at)
	}
	if state, err := k.ModuleState("mbcache"); state == ModuleAbsent || err != nil {
		t.Errorf("mbcache: %d, %v", state, err)
	}
}
