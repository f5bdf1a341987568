//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// readOwn copies memory of this process from an address that came as a
// number: through the kernel, so that a wrong one is an error and no crash.
func readOwn(into []byte, address uintptr) error {
	if len(into) == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: &into[0]}}
	local[0].SetLen(len(into))
	n, err := unix.ProcessVMReadv(os.Getpid(), local, []unix.RemoteIovec{{Base: address, Len: len(into)}}, 0)
	if err != nil {
		return fmt.Errorf("read %d bytes: %w", len(into), err)
	}
	if n != len(into) {
		return fmt.Errorf("read %d of %d bytes", n, len(into))
	}
	return nil
}
