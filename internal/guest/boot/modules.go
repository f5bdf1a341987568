package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ModulesDir is where the initramfs keeps the kernel's modules, with the file
// "order" that names them, one a line, each after what it depends on.
const ModulesDir = "/modules"

// loadModules loads what the order file in dir names and removes the files,
// whose pages would otherwise stay in every snapshot. A module that does not
// load is reported, not fatal: most programs do not need it.
func loadModules(dir string) (loaded int, failed []string) {
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, []string{err.Error()}
	}
	for _, name := range strings.Fields(string(order)) {
		if err := loadModule(filepath.Join(dir, name)); err != nil {
			failed = append(failed, err.Error())
			continue
		}
		loaded++
	}
	if err := os.RemoveAll(dir); err != nil {
		failed = append(failed, err.Error())
	}
	return loaded, failed
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("load module: %w", err)
	}
	defer file.Close()
	err = unix.FinitModule(int(file.Fd()), "", 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load module %s: %w", filepath.Base(path), err)
	}
	return nil
}
