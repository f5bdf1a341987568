// Package libexec finds the programs that come with skep: the guest, the
// compile program, the program to be probed.
package libexec

import (
	"fmt"
	"os"
	"path/filepath"
)

// Programs that come with skep.
const (
	Guest    = "skep-guest"   // PID 1 of a machine
	Compiler = "skep-bpfcc"   // the compile program
	Target   = "skep-target"  // what uprobes are tried on
	Checker  = "checker.wasm" // the checker, a WebAssembly module
)

// Find returns the path of a program: in $SKEP_LIBEXEC, beside our own
// executable or in ../lib/skep from there, or, for tests, in the bin folder
// of the checkout that the working directory belongs to.
func Find(name string) (string, error) {
	var folders []string
	if folder := os.Getenv("SKEP_LIBEXEC"); folder != "" {
		folders = append(folders, folder)
	}
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		folders = append(folders, filepath.Dir(self), filepath.Join(filepath.Dir(self), "..", "lib", "skep"))
	}
	if checkout, ok := findCheckout(); ok {
		folders = append(folders, filepath.Join(checkout, "bin"))
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s was not found beside skep: run 'make setup', or set SKEP_LIBEXEC to the folder that has it", name)
}

// findCheckout looks upwards for the folder that has our go.mod and cmd/skep.
func findCheckout() (string, bool) {
	folder, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "cmd", "skep", "main.go")); err == nil {
			return folder, true
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", false
		}
		folder = parent
	}
}
