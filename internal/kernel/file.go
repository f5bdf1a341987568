package kernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxImages is how many images that were given as files stay unpacked. Each
// takes about 65 MB.
const maxImages = 8

// fromFile returns the kernel in an image file. It is unpacked once: the folder
// is named after the image's content and where its modules are.
func (s *Store) fromFile(path string) (*Kernel, error) {
	k, err := s.unpackImage(path)
	if err != nil {
		return nil, fmt.Errorf("use kernel %s: %w", path, err)
	}
	return k, nil
}

func (s *Store) unpackImage(path string) (*Kernel, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	image, err := readLimited(path, maxVMLinux)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(image)
	images := filepath.Join(s.dir, imagesDir)
	dir := filepath.Join(images, hex.EncodeToString(hash[:16]))
	if k, err := s.load(dir); err == nil {
		return s.beside(k, path), touch(dir)
	}
	unlock, err := lock(context.Background(), images, nil)
	if err != nil {
		return nil, err
	}
	defer unlock()
	k, err := s.load(dir)
	if err != nil { // else another process was faster
		sweep(images)
		if err := storeImage(dir, image); err != nil {
			return nil, err
		}
		if k, err = s.load(dir); err != nil {
			return nil, err
		}
	}
	return s.beside(k, path), prune(images)
}

func storeImage(dir string, image []byte) error {
	aside, err := os.MkdirTemp(filepath.Dir(dir), unpackGlob)
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	unpacked := filepath.Join(aside, "kernel")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return err
	}
	if err := finish(unpacked, image, record{}); err != nil {
		return err
	}
	return install(unpacked, dir)
}

// touch notes that an unpacked image is in use.
func touch(dir string) error {
	now := time.Now()
	return os.Chtimes(dir, now, now)
}

// prune removes the images that were not used for the longest time: who builds
// kernels makes many.
func prune(images string) error {
	entries, err := os.ReadDir(images)
	if err != nil {
		return err
	}
	type image struct {
		dir  string
		used time.Time
	}
	var kept []image
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		kept = append(kept, image{filepath.Join(images, entry.Name()), info.ModTime()})
	}
	slices.SortFunc(kept, func(a, b image) int { return b.used.Compare(a.used) })
	for _, old := range kept[min(maxImages, len(kept)):] {
		if err := discard(old.dir); err != nil {
			return err
		}
	}
	return nil
}

// beside returns the kernel with the modules and the configuration that belong
// to the file at path. The same image may lie in several places.
func (s *Store) beside(k *Kernel, path string) *Kernel {
	dir := filepath.Dir(path)
	found := *k
	found.modules = first(isModulesDir,
		dir, // usr/lib/modules/RELEASE/vmlinuz
		filepath.Join(dir, modulesDir),
		filepath.Join(dir, modulesDir, k.Release),
		filepath.Join(dir, "lib/modules", k.Release),
		filepath.Join(dir, "../lib/modules", k.Release), // boot/vmlinuz-RELEASE
		filepath.Join(dir, "../usr/lib/modules", k.Release),
		filepath.Join("/lib/modules", k.Release),
	)
	found.config = first(isFile,
		filepath.Join(dir, "config-"+k.Release),
		filepath.Join(dir, configFile),
		filepath.Join(dir, ".config"), // the kernel's source tree
		filepath.Join("/boot", "config-"+k.Release),
	)
	found.indexed = sync.OnceValues(func() (moduleIndex, error) { return indexModules(found.modules) })

	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.Join([]string{k.Dir, k.hash, found.modules, found.config}, "\x00")
	if known, ok := s.kernels[key]; ok {
		return known
	}
	s.kernels[key] = &found
	return &found
}

// first returns the first path that fits, else nothing.
func first(fits func(string) bool, paths ...string) string {
	for _, path := range paths {
		if fits(path) {
			return path
		}
	}
	return ""
}

func isModulesDir(path string) bool { return isDir(filepath.Join(path, "kernel")) }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
