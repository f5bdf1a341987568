package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Phase is what a pull is at.
type Phase string

const (
	// PhaseWait is while another process changes the store.
	PhaseWait Phase = "wait"
	// PhaseIndex is while the lists of packages are fetched. Done and Total are
	// per cent.
	PhaseIndex Phase = "index"
	// PhaseDownload is while the packages are fetched. Done and Total are bytes.
	PhaseDownload Phase = "download"
	// PhaseUnpack is while the packages are unpacked. Done and Total are bytes
	// of packages.
	PhaseUnpack Phase = "unpack"
	// PhaseNote measures nothing: Note has a sentence for the reader.
	PhaseNote Phase = "note"
)

// Progress is a step of a pull.
type Progress struct {
	// Name is what was asked for: "6.1", "7".
	Name string
	// Release is the kernel that is fetched, once it is known.
	Release string
	Phase   Phase
	// Done and Total are in the phase's unit. Total is 0 if it is not known.
	Done, Total int64
	// Note is a sentence that the reader should see, else empty.
	Note string
}

// Pull fetches the newest kernel that a name asks for: a series ("6.1", "7.1"),
// a major number ("7": its newest signed series), "latest" or a release. If the
// store has it already, nothing is downloaded and fetched is false. Older
// kernels of the same series are removed from the store.
//
// The packages are Debian's. apt fetches them, from the mirror that the machine
// uses, and checks them with Debian's keys; nothing is installed, and root is
// not needed. progress may be nil; it is called from one goroutine at a time. A
// pull that fails or is cancelled leaves no trace but the lists of packages.
func (s *Store) Pull(ctx context.Context, name string, progress func(Progress)) (k *Kernel, fetched bool, err error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	name = strings.TrimSpace(name)
	if !requestPattern.MatchString(name) && !isSeries(name) {
		return nil, false, fmt.Errorf("%w to fetch: %q; give a series such as 6.1, a major number such as 7, or a release", ErrName, name)
	}
	unlock, err := lock(ctx, s.dir, func() {
		progress(Progress{Name: name, Phase: PhaseWait, Note: "waiting for another skep that fetches kernels"})
	})
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	sweep(s.dir)
	k, fetched, err = s.pull(ctx, name, progress)
	if ctx.Err() != nil {
		return nil, false, fmt.Errorf("fetch kernel %s: %w", name, context.Cause(ctx))
	}
	if errors.Is(err, unix.ENOSPC) {
		err = fmt.Errorf("the disk that holds %s is full: free some space, or let $SKEP_CACHE name a folder on another disk (%w)", s.dir, err)
	}
	if err != nil {
		return nil, false, fmt.Errorf("fetch kernel %s: %w", name, err)
	}
	return k, fetched, nil
}

func (s *Store) pull(ctx context.Context, name string, progress func(Progress)) (*Kernel, bool, error) {
	found, err := s.available(ctx, name, progress)
	if err != nil {
		return nil, false, err
	}
	c, err := choose(name, found)
	if err != nil {
		return nil, false, err
	}
	dir := filepath.Join(s.dir, c.release)
	if k, err := s.load(dir); err == nil && k.Version == c.version {
		return k, false, nil
	}
	if err := s.fetch(ctx, name, c, dir, progress); err != nil {
		return nil, false, err
	}
	k, err := s.load(dir)
	if err != nil {
		return nil, false, err
	}
	return k, true, s.supersede(k)
}

// available returns the kernels that can be fetched.
func (s *Store) available(ctx context.Context, name string, progress func(Progress)) ([]candidate, error) {
	s.mu.Lock()
	known := s.apt
	s.mu.Unlock()
	if time.Since(known.updated) < freshFor {
		return known.found, nil
	}
	m, err := findMirrors(ctx)
	if err != nil {
		return nil, err
	}
	if err := needSpace(s.dir, indexSpace); err != nil {
		return nil, err
	}
	keyring, err := findKeyring()
	if err != nil {
		return nil, err
	}
	a := apt{dir: filepath.Join(s.dir, aptDir)}
	if err := a.prepare(m, keyring); err != nil {
		return nil, err
	}
	failed, err := a.update(ctx, func(percent float64) {
		progress(Progress{Name: name, Phase: PhaseIndex, Done: int64(percent), Total: 100})
	})
	if err != nil {
		return nil, err
	}
	if len(failed) > 0 {
		progress(Progress{Name: name, Phase: PhaseNote, Note: "the mirror did not give these suites: " + strings.Join(failed, ", ")})
	}
	packages, err := a.list(ctx)
	if err != nil {
		return nil, err
	}
	known = aptState{found: candidates(packages), updated: time.Now()}
	s.mu.Lock()
	s.apt = known
	s.mu.Unlock()
	return known.found, nil
}

// fetch downloads and unpacks a kernel aside and renames it to dir then.
func (s *Store) fetch(ctx context.Context, name string, c candidate, dir string, progress func(Progress)) error {
	aside, err := os.MkdirTemp(s.dir, unpackGlob)
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	debs, unpacked := filepath.Join(aside, "debs"), filepath.Join(aside, "kernel")
	for _, path := range []string{debs, unpacked} {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
	}
	size := c.size()
	if err := needSpace(s.dir, size*kernelSpace); err != nil {
		return err
	}
	report := func(phase Phase, done int64) {
		progress(Progress{Name: name, Release: c.release, Phase: phase, Done: done, Total: size})
	}
	report(PhaseDownload, 0)
	err = apt{dir: filepath.Join(s.dir, aptDir)}.download(ctx, debs, c.packages, func(percent float64) {
		report(PhaseDownload, int64(percent/100*float64(size)))
	})
	if err != nil {
		return err
	}
	report(PhaseUnpack, 0)
	if err := unpackDebs(ctx, debs, unpacked, func(done int64) { report(PhaseUnpack, done) }); err != nil {
		return err
	}
	if err := finishPackage(unpacked, c); err != nil {
		return fmt.Errorf("unpack %s: %w", c.release, err)
	}
	report(PhaseUnpack, size)
	return install(unpacked, dir)
}

// unpackDebs unpacks the packages in debs, each of which it deletes then.
func unpackDebs(ctx context.Context, debs, dir string, report func(done int64)) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	packages, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	var done int64
	for _, deb := range packages {
		if err := unpackDeb(ctx, deb, root); err != nil {
			return err
		}
		if info, err := os.Stat(deb); err == nil {
			done += info.Size()
		}
		if err := os.Remove(deb); err != nil {
			return err
		}
		report(done)
	}
	return nil
}

func finishPackage(dir string, c candidate) error {
	path := filepath.Join(dir, imageFile)
	image, err := readLimited(path, maxImage)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return finish(dir, image, record{Release: c.release, Package: c.packages[0].name, Version: c.version})
}

// supersede removes the older kernels of k's series.
func (s *Store) supersede(k *Kernel) error {
	kernels, err := s.List()
	if err != nil {
		return err
	}
	for _, other := range kernels {
		if other.Series == k.Series && compareKernels(other, k) < 0 {
			if err := discard(other.Dir); err != nil {
				return err
			}
		}
	}
	return nil
}
