package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
	"github.com/skep-dev/skep/internal/libexec"
	"golang.org/x/sys/unix"
)

// A Shelf keeps the snapshots of one engine in a folder, one for each kernel.
// It makes what is missing or was made from other parts.
type Shelf struct {
	Dir    string
	Engine Engine
	// Preheat gives the runs that warm a kernel's machine before it is
	// saved. Optional.
	Preheat Preheater
	// Note hears of work that takes seconds. Optional.
	Note func(text string)
}

// A Preheater makes the runs that warm a machine.
type Preheater interface {
	// Identity changes when the runs do.
	Identity() string
	Make(ctx context.Context, k *kernel.Kernel) ([]Preheat, error)
}

// Snapshot loads a kernel's snapshot. If there is none of the present parts it
// boots a machine and makes one, which takes seconds.
func (s *Shelf) Snapshot(ctx context.Context, k *kernel.Kernel) (*Snapshot, error) {
	identity, err := s.identity(k)
	if err != nil {
		return nil, err
	}
	// Checkouts with other guests, or engines, do not take turns in one folder.
	dir := filepath.Join(s.Dir, kernelPart(k.Series, k.ID())+identity[:12])
	snapshot, err := LoadSnapshot(dir, identity)
	if !errors.Is(err, ErrNoSnapshot) {
		return snapshot, err
	}
	unlock, err := lock(ctx, s.Dir, k.ID())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if snapshot, err = LoadSnapshot(dir, identity); !errors.Is(err, ErrNoSnapshot) {
		return snapshot, err // another process made it meanwhile
	}
	sweep(s.Dir, kernelPart(k.Series, k.ID()))
	if s.Note != nil {
		s.Note(fmt.Sprintf("booting Linux %s once and saving it warm (some seconds, only the first time)", k.Release))
	}
	if err := s.prepare(ctx, k, dir, identity); err != nil {
		return nil, fmt.Errorf("prepare a machine for Linux %s: %w", k.Series, err)
	}
	return LoadSnapshot(dir, identity)
}

// kernelPart is how the names of a kernel's snapshots begin.
func kernelPart(series, id string) string { return series + "-" + id[:12] + "-" }

func (s *Shelf) prepare(ctx context.Context, k *kernel.Kernel, dir, identity string) error {
	return s.WithImage(k, func(image Image) error {
		var preheat []Preheat
		if s.Preheat != nil {
			var err error
			if preheat, err = s.Preheat.Make(ctx, k); err != nil {
				return err
			}
		}
		return Prepare(ctx, s.Engine, image, preheat, dir, identity)
	})
}

// identity hashes all that a snapshot depends on: engine, kernel, programs.
func (s *Shelf) identity(k *kernel.Kernel) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, s.Engine.Identity(), k.ID(), modules, k.Config() != "")
	if s.Preheat != nil {
		fmt.Fprintln(sum, s.Preheat.Identity())
	}
	busybox, err := findBusybox()
	if err != nil {
		return "", err
	}
	paths := []string{busybox}
	for _, name := range []string{libexec.Guest, libexec.Target} {
		path, err := libexec.Find(name)
		if err != nil {
			return "", err
		}
		paths = append(paths, path)
	}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, file)
		_ = file.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// lock keeps two processes from booting the same kernel at once.
func lock(ctx context.Context, dir, name string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of snapshots: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "."+name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the folder of snapshots: %w", err)
	}
	for {
		switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return func() { _ = file.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			_ = file.Close()
			return nil, fmt.Errorf("lock the folder of snapshots: %w", err)
		}
		select { // a lock that is waited for cannot be called off
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// WithImage makes the image of a kernel for as long as f takes.
func (s *Shelf) WithImage(k *kernel.Kernel, f func(Image) error) error {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(s.Dir, bootPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	archive, err := writeInitramfs(work, k)
	if err != nil {
		return err
	}
	return f(Image{VMLinux: k.VMLinux(), Initramfs: archive})
}
