package play

import (
	"errors"
	"path/filepath"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

// Steps on files make the same calls as a C program would, and no others.
var (
	_ = perform("write_file", writeFile)
	_ = perform("read_file", readFile)
	_ = perform("mkdir", mkdir)
	_ = perform("stat", stat)
	_ = perform("rmdir", func(_ *call, p *plan.Path, _ *plan.Result) error {
		return unix.Rmdir(p.Path)
	})
	_ = perform("unlink", func(_ *call, p *plan.Path, _ *plan.Result) error {
		return unix.Unlink(p.Path)
	})
	_ = perform("link", func(_ *call, l *plan.Link, _ *plan.Result) error {
		return unix.Link(l.Target, l.Path)
	})
	_ = perform("symlink", func(_ *call, l *plan.Link, _ *plan.Result) error {
		return unix.Symlink(l.Target, l.Path)
	})
	_ = perform("rename", func(_ *call, n *plan.Rename, _ *plan.Result) error {
		return unix.Rename(n.From, n.To)
	})
	_ = perform("chmod", func(_ *call, c *plan.Chmod, _ *plan.Result) error {
		return unix.Chmod(c.Path, c.Mode.Or(0o644))
	})
	_ = perform("chown", func(_ *call, c *plan.Chown, _ *plan.Result) error {
		return unix.Chown(c.Path, valueOr(c.UID, -1), valueOr(c.GID, -1))
	})
)

func openFile(path string, flags int, mode uint32) (int, error) {
	return retry(func() (int, error) { return unix.Open(path, flags|unix.O_CLOEXEC, mode) })
}

func writeFile(_ *call, w *plan.WriteFile, r *plan.Result) error {
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	if w.Append {
		flags = unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND
	}
	fd, err := openFile(w.Path, flags, w.Mode.Or(0o644))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	data := w.Data()
	for {
		n, err := retry(func() (int, error) { return unix.Write(fd, data[r.Count:]) })
		if err != nil {
			return err
		}
		r.Count += n
		if r.Count >= len(data) || n == 0 {
			return nil
		}
	}
}

func readFile(c *call, f *plan.ReadFile, r *plan.Result) error {
	// A fifo or terminal may keep open and read waiting for ever; without
	// O_NONBLOCK only the player's deadline would end that.
	fd, err := openFile(f.Path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buffer := make([]byte, 64<<10)
	for c.left() > 0 {
		n, err := retry(func() (int, error) { return unix.Read(fd, buffer) })
		if err != nil || n == 0 {
			return err
		}
		r.Count += n
		room := min(plan.MaxOutput-len(r.Bytes), n)
		r.Bytes = append(r.Bytes, buffer[:room]...)
		r.Truncated = r.Truncated || room < n
		if r.Count > maxFileBytes {
			return nil // /dev/zero has no end
		}
	}
	return nil
}

func mkdir(_ *call, m *plan.Mkdir, _ *plan.Result) error {
	if !m.Parents {
		return unix.Mkdir(m.Path, m.Mode.Or(0o755))
	}
	var missing []string
	for path := filepath.Clean(m.Path); path != "/" && path != "."; path = filepath.Dir(path) {
		missing = append(missing, path)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		err := unix.Mkdir(missing[i], m.Mode.Or(0o755))
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return nil
}

func stat(_ *call, p *plan.Path, r *plan.Result) error {
	var s unix.Stat_t
	if err := unix.Lstat(p.Path, &s); err != nil {
		return err
	}
	r.File = &plan.File{Mode: s.Mode, Size: s.Size, UID: s.Uid, GID: s.Gid, Inode: s.Ino}
	r.File.Links = uint64(s.Nlink) //nolint:unconvert // 32 bits on arm64
	return nil
}
