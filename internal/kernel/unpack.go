package kernel

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// wanted are the files of a package that are kept. In each, the first group is
// the path in the kernel's folder if there is no name.
var wanted = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`^(?:boot/vmlinuz-[^/]+|(?:usr/)?lib/modules/[^/]+/vmlinuz(?:\.unsigned)?)$`), imageFile},
	{regexp.MustCompile(`^(?:boot/config-[^/]+|(?:usr/)?lib/modules/[^/]+/config)$`), configFile},
	{regexp.MustCompile(`^(?:usr/)?lib/modules/[^/]+/(kernel/.+\.ko(?:\.xz|\.zst|\.gz)?|modules\.builtin|modules\.order)$`), ""},
}

// imageFile holds the compressed image until vmlinux was unpacked.
const imageFile = "vmlinuz"

// unpackDeb writes the wanted files of a package into dir.
func unpackDeb(ctx context.Context, deb string, dir *os.Root) error {
	var complaints bytes.Buffer
	cmd := command(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stderr = &complaints
	r, w := io.Pipe()
	cmd.Stdout = w
	ended := make(chan error, 1)
	go func() {
		err := run(cmd)
		w.CloseWithError(err) // nil means the end of the archive
		ended <- err
	}()
	err := unpackTar(r, dir)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // tar's padding
	}
	r.CloseWithError(errors.New("the package is not read further"))
	runErr := <-ended
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		err = runErr
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w %s", filepath.Base(deb), err, strings.TrimSpace(complaints.String()))
	}
	return nil
}

func unpackTar(r io.Reader, dir *os.Root) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		name := wantedName(path.Clean(header.Name))
		if name == "" {
			continue
		}
		if header.Size > maxImage {
			return fmt.Errorf("%s of %d bytes is over the limit of %d", header.Name, header.Size, maxImage)
		}
		if err := unpackFile(archive, dir, name); err != nil {
			return err
		}
	}
}

// wantedName is where a file of a package goes, or empty.
func wantedName(name string) string {
	for _, w := range wanted {
		match := w.pattern.FindStringSubmatch(name)
		switch {
		case match == nil:
		case w.name != "":
			return w.name
		default:
			return path.Join(modulesDir, match[1])
		}
	}
	return ""
}

// unpackFile writes one file. Modules that the package has uncompressed (6.1:
// 90 MB) are compressed here.
func unpackFile(r io.Reader, dir *os.Root, name string) (err error) {
	compress := strings.HasSuffix(name, ".ko")
	if compress {
		name += ".zst"
	}
	if err := dir.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := dir.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if !compress {
		_, err = io.Copy(file, r)
		return err
	}
	packer, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if _, err := io.Copy(packer, r); err != nil {
		return err
	}
	return packer.Close()
}

// finish unpacks the image's bytes into the folder: vmlinux, BTF and, last, the
// record that makes the folder a kernel.
func finish(dir string, image []byte, rec record) error {
	path := filepath.Join(dir, vmlinuxFile)
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if err := writeVMLinux(io.MultiWriter(file, hash), image, maxVMLinux); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	v, err := inspect(file, info.Size())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, btfFile), v.btf, 0o644); err != nil {
		return err
	}
	if rec.Release != "" && rec.Release != v.release {
		return fmt.Errorf("the package of %s has an image of %s", rec.Release, v.release)
	}
	rec.Release, rec.Series = v.release, v.series
	rec.VMLinux = hex.EncodeToString(hash.Sum(nil))
	if err := writeRecord(dir, rec); err != nil {
		return err
	}
	// The rename that follows must not reach the disk before the content.
	return unix.Syncfs(int(file.Fd()))
}
