package kernel

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testStore has kernels of these releases and package versions.
func testStore(t testing.TB, kernels map[string]string) *Store {
	t.Helper()
	s := Open(filepath.Join(t.TempDir(), "kernels"))
	for release, version := range kernels {
		dir := filepath.Join(s.Dir(), release)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		rec := record{Release: release, Package: "linux-image-" + release, Version: version}
		if err := finish(dir, bzImage(packGzip(t, testVMLinux(t, release))), rec); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

var threeKernels = map[string]string{
	"6.1.0-56-cloud-amd64":       "6.1.192-2",
	"6.12.117+deb13-cloud-amd64": "6.12.117-1",
	"6.12.99+deb13-cloud-amd64":  "6.12.99-1",
	"7.2.12+deb13-cloud-amd64":   "7.2.12-1~bpo13+1",
}

func releases(kernels []*Kernel) string {
	var names []string
	for _, k := range kernels {
		names = append(names, strings.TrimSuffix(k.Release, "-cloud-amd64"))
	}
	return strings.Join(names, " ")
}

func TestStoreSelect(t *testing.T) {
	s := testStore(t, threeKernels)
	// What is no kernel, or not a whole one, is not listed.
	for _, dir := range []string{".unpack-1", "6.5-half"} {
		if err := os.Mkdir(filepath.Join(s.Dir(), dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeTestFile(t, filepath.Join(s.Dir(), "file"), nil)
	for names, want := range map[string]string{
		"6.1":                        "6.1.0-56",
		"6.12":                       "6.12.117+deb13",
		"6":                          "6.12.117+deb13",
		"7":                          "7.2.12+deb13",
		"7.2":                        "7.2.12+deb13",
		"latest":                     "7.2.12+deb13",
		"6.12.99+deb13-cloud-amd64":  "6.12.99+deb13",
		"all":                        "6.1.0-56 6.12.99+deb13 6.12.117+deb13 7.2.12+deb13",
		"7, 6.1":                     "7.2.12+deb13 6.1.0-56",
		"7,latest,7.2":               "7.2.12+deb13",
		"6.12.117+deb13-cloud-amd64": "6.12.117+deb13",
	} {
		kernels, err := s.Select(names)
		if err != nil || releases(kernels) != want {
			t.Errorf("%s: %s, %v", names, releases(kernels), err)
		}
	}
	for names, says := range map[string]string{
		"6.6":      "not found: 6.6; there are 6.1 (6.1.0-56-cloud-amd64), ",
		"6.6.7":    "skep kernel pull 6.6",
		"8":        "skep kernel pull 8",
		"":         "not found",
		"6.1,":     "not found",
		"6.1,nope": "nope",
		"6.1.0":    "not found",
	} {
		if _, err := s.Select(names); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", names, err)
		}
	}
}

func TestStoreEmpty(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "not there"))
	if kernels, err := s.List(); len(kernels) != 0 || err != nil {
		t.Errorf("%v, %v", kernels, err)
	}
	for _, names := range []string{"all", "6.1"} {
		_, err := s.Select(names)
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "skep kernel pull") {
			t.Errorf("%s: %v", names, err)
		}
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking made the folder: %v", err)
	}
}

func TestKernel(t *testing.T) {
	s := testStore(t, threeKernels)
	k := must[*Kernel](t)(s.Get("6.1"))
	if again := must[*Kernel](t)(s.Get("6.1.0-56-cloud-amd64")); again != k {
		t.Error("one kernel is two values: its BTF would be parsed twice")
	}
	if k.Series != "6.1" || k.Version != "6.1.192-2" || k.Package != "linux-image-6.1.0-56-cloud-amd64" {
		t.Errorf("%+v", k)
	}
	if other := must[*Kernel](t)(s.Get("7")); len(k.ID()) != 32 || other.ID() == k.ID() {
		t.Errorf("ids %s and %s", k.ID(), other.ID())
	}
	if size := must[int64](t)(k.Size()); size < 4096 {
		t.Errorf("size %d", size)
	}
	if _, err := k.BTFSpec(); err != nil {
		t.Errorf("BTF: %v", err)
	}
}

func TestStoreRemove(t *testing.T) {
	s := testStore(t, threeKernels)
	if err := os.Mkdir(filepath.Join(s.Dir(), aptDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"6.12", "7", "6.12"} {
		if err := s.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if kernels, err := s.List(); releases(kernels) != "6.1.0-56" || err != nil {
		t.Errorf("%s, %v", releases(kernels), err)
	}
	if err := s.Remove("6.12"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := s.Remove("/etc/passwd"); err == nil {
		t.Error("removed a file")
	}
	if err := s.Remove("6.1"); err != nil {
		t.Fatal(err)
	}
	left := must[[]os.DirEntry](t)(os.ReadDir(s.Dir()))
	if len(left) != 1 || left[0].Name() != lockFile {
		t.Errorf("after the last one, %v is left", left)
	}
}

func TestStoreGetFile(t *testing.T) {
	s := testStore(t, nil)
	boot := filepath.Join(t.TempDir(), "boot")
	if err := os.Mkdir(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(boot, "vmlinuz-"+testRelease)
	vmlinux := testVMLinux(t, testRelease)
	writeTestFile(t, path, bzImage(sized(packZstd(t, vmlinux), len(vmlinux))))
	k := must[*Kernel](t)(s.Get(path))
	if k.Release != testRelease || k.ModulesDir() != "" || k.Config() != "" || k.Package != "" {
		t.Errorf("%+v", k)
	}
	if got := must[[]byte](t)(os.ReadFile(k.VMLinux())); string(got) != string(vmlinux) {
		t.Error("vmlinux has other bytes")
	}
	if must[*Kernel](t)(s.Get(path)) != k {
		t.Error("it was unpacked again")
	}
	if kernels, err := s.List(); len(kernels) != 0 || err != nil {
		t.Errorf("a file's kernel is listed: %v, %v", kernels, err)
	}

	// Modules and configuration that lie as a package lays them out are found.
	modules := filepath.Join(boot, "..", "lib", "modules", testRelease)
	if err := os.MkdirAll(filepath.Dir(modules), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(moduleTree(t, map[string]string{"veth.ko.xz": ""}), modules); err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(boot, "config-"+testRelease), []byte("CONFIG_BPF=y\n"))
	k = must[*Kernel](t)(s.Get(path))
	if found, err := k.Modules("veth"); len(found) != 1 || err != nil {
		t.Errorf("modules at %q: %v, %v", k.ModulesDir(), found, err)
	}
	if k.Config() == "" {
		t.Error("the configuration beside it was not found")
	}
}

func TestStoreGetFileRefuses(t *testing.T) {
	s := testStore(t, nil)
	text := filepath.Join(t.TempDir(), "vmlinuz")
	writeTestFile(t, text, []byte("no kernel"))
	for path, says := range map[string]string{
		text:               "no x86 kernel image",
		text + "-gone":     "no such file",
		filepath.Dir(text): "not a regular file",
		"/dev/zero":        "not a regular file",
	} {
		if _, err := s.Get(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.Dir(), imagesDir, "[.]unpack*"))
	if len(left) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStoreKeepsFewImages(t *testing.T) {
	s := testStore(t, nil)
	dir := t.TempDir()
	images := filepath.Join(s.Dir(), imagesDir)
	var first *Kernel
	for i := range maxImages + 3 {
		path := filepath.Join(dir, "vmlinux"+strconv.Itoa(i))
		writeTestFile(t, path, testVMLinux(t, "6.1."+strconv.Itoa(i)))
		k := must[*Kernel](t)(s.Get(path))
		if first == nil {
			first = k
		}
		// The clock of files may be too coarse to order them: age all but the first.
		entries := must[[]os.DirEntry](t)(os.ReadDir(images))
		for _, entry := range entries {
			info := must[os.FileInfo](t)(entry.Info())
			if aged := info.ModTime().Add(-time.Hour); filepath.Join(images, entry.Name()) != first.Dir {
				if err := os.Chtimes(filepath.Join(images, entry.Name()), aged, aged); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	kept := 0
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(images)) {
		if entry.IsDir() {
			kept++
		}
	}
	if kept != maxImages {
		t.Errorf("%d images are kept", kept)
	}
	if _, err := os.Stat(first.VMLinux()); err != nil {
		t.Errorf("the image in use was removed: %v", err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock := must[func()](t)(lock(t.Context(), dir, nil))
	ctx, cancel := context.WithCancel(t.Context())
	waited := false
	_, err := lock(ctx, dir, func() { waited = true; cancel() })
	if !errors.Is(err, context.Canceled) || !waited {
		t.Errorf("while it is held: %v", err)
	}
	unlock()
	must[func()](t)(lock(t.Context(), dir, nil))()
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("SKEP_CACHE", "/somewhere")
	if got := DefaultDir(); got != "/somewhere/kernels" {
		t.Error(got)
	}
	t.Setenv("SKEP_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/cache")
	if got := DefaultDir(); got != "/cache/skep/kernels" {
		t.Error(got)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if got := DefaultDir(); !filepath.IsAbs(got) {
		t.Error(got)
	}
}
