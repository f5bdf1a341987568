package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotFound is wrapped by errors about a kernel that the store does not have.
var ErrNotFound = errors.New("kernel not found")

// ErrName is wrapped by errors about what cannot be the name of a kernel.
var ErrName = errors.New("no name of a kernel")

// DefaultSeries are the series that skep is tested with: what `skep kernel
// pull` fetches if nothing else is asked for.
var DefaultSeries = []string{"6.1", "6.12", "7"}

// Names inside the store's folder. Those that begin with a dot are no kernels.
const (
	lockFile    = ".lock"
	aptDir      = ".apt"
	imagesDir   = ".images"
	unpackGlob  = ".unpack-*"
	discardGlob = ".discard-*"
)

// Store is a folder of kernels. It is safe for concurrent use, also by several
// processes.
type Store struct {
	dir string

	mu      sync.Mutex
	kernels map[string]*Kernel // by folder and content, so that parsed BTF is shared

	apt aptState
}

// DefaultDir is the kernels' folder in skep's cache: $SKEP_CACHE/kernels, else
// skep/kernels in the user's cache folder.
func DefaultDir() string {
	if cache := os.Getenv("SKEP_CACHE"); cache != "" {
		return filepath.Join(cache, "kernels")
	}
	cache, err := os.UserCacheDir()
	if err != nil { // neither $HOME nor $XDG_CACHE_HOME
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("skep-cache-%d", os.Getuid()))
	}
	return filepath.Join(cache, "skep", "kernels")
}

// Open returns the store in dir. The folder need not exist: it is made when
// the first kernel is pulled.
func Open(dir string) *Store {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return &Store{dir: dir, kernels: map[string]*Kernel{}}
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// List returns the kernels of the store, oldest first. A folder that does not
// exist holds none.
func (s *Store) List() ([]*Kernel, error) {
	entries, err := os.ReadDir(s.dir)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list kernels: %w", err)
	}
	var kernels []*Kernel
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || !entry.IsDir() {
			continue
		}
		k, err := s.load(filepath.Join(s.dir, entry.Name()))
		if missing(err) {
			continue // being removed by another process, or not ours
		}
		if err != nil {
			return nil, err
		}
		kernels = append(kernels, k)
	}
	slices.SortFunc(kernels, compareKernels)
	return kernels, nil
}

// load returns the kernel in dir, the same value for as long as its content is
// the same.
func (s *Store) load(dir string) (*Kernel, error) {
	k, err := load(dir)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := dir + "\x00" + k.hash
	if known, ok := s.kernels[key]; ok {
		return known, nil
	}
	s.kernels[key] = k
	return k, nil
}

// Get resolves a name to one kernel:
//
//   - a series ("6.1"): the newest kernel of it;
//   - a major number ("7"): the newest kernel of its newest series;
//   - "latest": the newest kernel of all;
//   - a release ("7.2.12+deb13-cloud-amd64"): that one;
//   - a path, that is a name with a slash: a vmlinuz, bzImage or vmlinux file,
//     which is unpacked into the store's cache.
//
// The error wraps [ErrNotFound] if the store has no such kernel, and says which
// ones it has and how to fetch the missing one.
func (s *Store) Get(name string) (*Kernel, error) {
	name = strings.TrimSpace(name)
	if strings.ContainsRune(name, '/') {
		return s.fromFile(name)
	}
	kernels, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Backward(kernels) {
		if matches(name, k.Release) {
			return k, nil
		}
	}
	return nil, notFound(name, kernels)
}

// Select resolves a list of names with commas between them, each as Get takes
// it, or "all": every kernel of the store. A kernel that is named twice is
// returned once.
func (s *Store) Select(names string) ([]*Kernel, error) {
	if strings.TrimSpace(names) == "all" {
		kernels, err := s.List()
		if err == nil && len(kernels) == 0 {
			err = fmt.Errorf("%w: there are no kernels yet; fetch them with: skep kernel pull", ErrNotFound)
		}
		return kernels, err
	}
	var kernels []*Kernel
	for name := range strings.SplitSeq(names, ",") {
		k, err := s.Get(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(kernels, k) {
			kernels = append(kernels, k)
		}
	}
	return kernels, nil
}

// Remove deletes a kernel of the store, named as for Get, but not by path.
func (s *Store) Remove(name string) error {
	if strings.ContainsRune(name, '/') {
		return fmt.Errorf("remove kernel %s: name a series or a release, not a file", name)
	}
	k, err := s.Get(name)
	if err != nil {
		return err
	}
	unlock, err := lock(context.Background(), s.dir, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if err := discard(k.Dir); err != nil {
		return err
	}
	// The lists of packages are larger than a kernel.
	if left, err := s.List(); err != nil || len(left) > 0 {
		return err
	}
	return os.RemoveAll(filepath.Join(s.dir, aptDir))
}

// discard takes a kernel out of its place at once and deletes it then.
func discard(dir string) error {
	aside, err := os.MkdirTemp(filepath.Dir(dir), discardGlob)
	if err != nil {
		return fmt.Errorf("remove kernel %s: %w", dir, err)
	}
	defer os.RemoveAll(aside)
	if err := os.Rename(dir, filepath.Join(aside, "kernel")); err != nil && !missing(err) {
		return fmt.Errorf("remove kernel %s: %w", dir, err)
	}
	return nil
}

// install renames an unpacked folder to its place, over what may be there.
func install(unpacked, dir string) error {
	err := os.Rename(unpacked, dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		if err := discard(dir); err != nil {
			return err
		}
		err = os.Rename(unpacked, dir)
	}
	return err
}

// sweep removes from a locked folder what a killed process left.
func sweep(dir string) {
	unpacked, _ := filepath.Glob(filepath.Join(dir, unpackGlob))
	discarded, _ := filepath.Glob(filepath.Join(dir, discardGlob))
	for _, left := range slices.Concat(unpacked, discarded) {
		_ = os.RemoveAll(left) // the next one tries again
	}
}

// lock makes a folder and waits until no other process changes it. It calls
// waiting once if it has to wait.
func lock(ctx context.Context, dir string, waiting func()) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the kernels' folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the kernels' folder: %w", err)
	}
	// flock blocks without a way to cancel it, so that it is asked repeatedly.
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for another skep that changes %s: %w", dir, ctx.Err())
		case <-retry.C:
		}
	}
}

func compareKernels(a, b *Kernel) int {
	return cmp.Or(
		compareVersionPart(a.Series, b.Series),
		compareVersions(a.Version, b.Version),
		compareVersionPart(a.Release, b.Release),
	)
}

func notFound(name string, kernels []*Kernel) error {
	if len(kernels) == 0 {
		return fmt.Errorf("%w: %s; there are no kernels yet; fetch it with: skep kernel pull %s",
			ErrNotFound, name, pullName(name))
	}
	there := make([]string, len(kernels))
	for i, k := range kernels {
		there[i] = k.String()
	}
	return fmt.Errorf("%w: %s; there are %s; fetch it with: skep kernel pull %s",
		ErrNotFound, name, strings.Join(there, ", "), pullName(name))
}

// pullName is what to pull so that name is found.
func pullName(name string) string {
	if series, err := seriesOf(name); err == nil {
		return series
	}
	return name
}
