package initramfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

var (
	testFiles = []File{
		{"/usr/bin/tool", 0o755, []byte("#!/bin/sh\n")},
		{"/init", 0o700, []byte("init")},
		{"/etc/deep/below/settings", 0o640, nil},
	}
	testModules = []Module{{"virtio", []byte("first")}, {"virtio_mmio", []byte("second")}, {"af_packet", []byte("third")}}
)

func archiveOf(t *testing.T, files []File, modules []Module) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, files, "/modules", modules); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSameInputSameBytes(t *testing.T) {
	given := slices.Clone(testFiles)
	first := archiveOf(t, given, testModules)
	if !slices.EqualFunc(given, testFiles, func(a, b File) bool { return a.Path == b.Path }) {
		t.Error("the caller's files were put into another order")
	}
	slices.Reverse(given)
	if !bytes.Equal(first, archiveOf(t, given, testModules)) {
		t.Error("the order of files changes the archive")
	}
	modules := slices.Clone(testModules)
	slices.Reverse(modules)
	if bytes.Equal(first, archiveOf(t, given, modules)) {
		t.Error("the order of modules is lost")
	}
}

// The archive as cpio, which is not ours, unpacks it.
func TestUnpacked(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("busybox", "cpio", "-i", "-d", "-m")
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(archiveOf(t, testFiles, testModules))
	if output, err := cmd.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Fatal("busybox is not installed: run make setup")
	} else if err != nil {
		t.Fatalf("unpack: %v\n%s", err, output)
	}
	for _, want := range []struct {
		path string
		mode fs.FileMode
		text string
	}{
		{"init", 0o700, "init"},
		{"usr/bin/tool", 0o755, "#!/bin/sh\n"},
		{"etc/deep", fs.ModeDir | 0o755, ""},
		{"etc/deep/below/settings", 0o640, ""},
		{"proc", fs.ModeDir | 0o755, ""},
		{"dev", fs.ModeDir | 0o755, ""},
		{"modules/order", 0o644, "virtio.ko\nvirtio_mmio.ko\naf_packet.ko\n"},
		{"modules/virtio.ko", 0o644, "first"},
		{"modules/af_packet.ko", 0o644, "third"},
	} {
		info, err := os.Stat(filepath.Join(dir, want.path))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != want.mode {
			t.Errorf("%s has mode %v, want %v", want.path, info.Mode(), want.mode)
		}
		if want.mode.IsRegular() {
			if text, err := os.ReadFile(filepath.Join(dir, want.path)); err != nil || string(text) != want.text {
				t.Errorf("%s has %q, %v; want %q", want.path, text, err, want.text)
			}
		}
	}
}

func TestNoModules(t *testing.T) {
	if bytes.Contains(archiveOf(t, testFiles, nil), []byte("modules/order")) {
		t.Error("there is an order of no modules")
	}
}

func TestWriteFails(t *testing.T) {
	full := errors.New("the disk is full")
	w := writer(func([]byte) (int, error) { return 0, full })
	if err := Write(w, testFiles, "/modules", testModules); !errors.Is(err, full) {
		t.Errorf("Write: %v, want %v", err, full)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
