package boot

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

// From include/uapi/linux/random.h.
const (
	rndAddEntropy = 0x40085203
	rndReseedCRNG = 0x5207
)

// wake sets the clock and reseeds the random number generator: clones of one
// snapshot would otherwise all live in the same moment and draw the same
// numbers.
func wake(w wire.Wake) error {
	now := unix.NsecToTimespec(w.UnixNano)
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	if len(w.Entropy) == 0 {
		return nil
	}
	random, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("reseed: %w", err)
	}
	defer random.Close()
	// struct rand_pool_info: entropy in bits, size in bytes, the bytes.
	info := make([]byte, 8+len(w.Entropy))
	binary.NativeEndian.PutUint32(info[0:], uint32(len(w.Entropy)*8))
	binary.NativeEndian.PutUint32(info[4:], uint32(len(w.Entropy)))
	copy(info[8:], w.Entropy)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, random.Fd(), rndAddEntropy, uintptr(unsafe.Pointer(&info[0])))
	if errno != 0 {
		return fmt.Errorf("add entropy: %w", errno)
	}
	if _, _, errno = unix.Syscall(unix.SYS_IOCTL, random.Fd(), rndReseedCRNG, 0); errno != 0 {
		return fmt.Errorf("reseed: %w", errno)
	}
	return nil
}
