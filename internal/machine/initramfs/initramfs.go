// Package initramfs writes the archive that a machine's kernel unpacks as its
// root file system: our PID 1, busybox, a program to be probed, and the
// modules that this kernel needs. Same input, same bytes.
package initramfs

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// A File is one file of the archive; its folders are made for it.
type File struct {
	Path string // absolute
	Mode fs.FileMode
	Data []byte
}

// A Module is a kernel module, uncompressed.
type Module struct {
	Name string
	Data []byte
}

// Folders that the guest mounts on or writes to.
var folders = []string{"/dev", "/proc", "/sys", "/tmp", "/run", "/etc", "/root", "/home", "/bin", "/sbin", "/usr"}

// Write writes the archive, uncompressed: the kernel would spend longer on
// unpacking than the disk on reading. Modules are written below modulesDir in
// the order given, with a file "order" that names them.
func Write(w io.Writer, files []File, modulesDir string, modules []Module) error {
	var order strings.Builder
	for _, m := range modules {
		name := m.Name + ".ko"
		fmt.Fprintln(&order, name)
		files = append(files, File{path.Join(modulesDir, name), 0o644, m.Data})
	}
	if len(modules) > 0 {
		files = append(files, File{path.Join(modulesDir, "order"), 0o644, []byte(order.String())})
	}
	a := &archive{w: cpio.NewWriter(w), made: map[string]bool{"/": true}}
	for _, folder := range folders {
		if err := a.folder(folder); err != nil {
			return err
		}
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(x, y File) int { return strings.Compare(x.Path, y.Path) })
	for _, f := range files {
		if err := a.file(f); err != nil {
			return err
		}
	}
	return a.w.Close()
}

type archive struct {
	w     *cpio.Writer
	made  map[string]bool
	inode int64
}

func (a *archive) header(name string, mode cpio.FileMode, links int, size int64) error {
	a.inode++
	err := a.w.WriteHeader(&cpio.Header{
		Name: strings.TrimPrefix(name, "/"), Mode: mode, Links: links, Size: size, Inode: a.inode,
	})
	if err != nil {
		return fmt.Errorf("write %s to the initramfs: %w", name, err)
	}
	return nil
}

func (a *archive) folder(name string) error {
	if a.made[name] {
		return nil
	}
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	a.made[name] = true
	return a.header(name, cpio.TypeDir|0o755, 2, 0)
}

func (a *archive) file(f File) error {
	if err := a.folder(path.Dir(f.Path)); err != nil {
		return err
	}
	if err := a.header(f.Path, cpio.TypeReg|cpio.FileMode(f.Mode.Perm()), 1, int64(len(f.Data))); err != nil {
		return err
	}
	if _, err := a.w.Write(f.Data); err != nil {
		return fmt.Errorf("write %s to the initramfs: %w", f.Path, err)
	}
	return nil
}
