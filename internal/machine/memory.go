package machine

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// NewMemory makes an anonymous file of the given size that lives in memory
// and can be sealed.
func NewMemory(name string, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	if err := file.Truncate(size); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("make a memory file of %d bytes: %w", size, err)
	}
	return file, nil
}

// seal makes a memory file immutable for everybody who has it: it can still be
// mapped, but only privately.
func seal(file *os.File) error {
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal a memory file: %w", err)
	}
	return nil
}

// reopen gives a descriptor of its own, with its own offset, to a memory file.
func reopen(file *os.File) (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
}

// CopySparse copies the data of a file of the given size and leaves its holes,
// and whole pages of zeros, as holes.
func CopySparse(to, from *os.File, size int64) error {
	if err := to.Truncate(size); err != nil {
		return err
	}
	buffer := make([]byte, 1<<20)
	for offset := int64(0); offset < size; {
		start, err := unix.Seek(int(from.Fd()), offset, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // only a hole is left
			return nil
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(int(from.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if err := copyRange(to, from, start, min(end, size), buffer); err != nil {
			return err
		}
		offset = end
	}
	return nil
}

func copyRange(to, from *os.File, start, end int64, buffer []byte) error {
	const page = 4096
	for start < end {
		part := buffer[:min(int64(len(buffer)), end-start)]
		n, err := from.ReadAt(part, start)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		for i := 0; i < n; {
			// the longest run of pages that are, or are not, zero
			zero := isZero(part[i:min(i+page, n)])
			j := i + page
			for j < n && isZero(part[j:min(j+page, n)]) == zero {
				j += page
			}
			j = min(j, n)
			if !zero {
				if _, err := to.WriteAt(part[i:j], start+int64(i)); err != nil {
					return err
				}
			}
			i = j
		}
		start += int64(n)
	}
	return nil
}

func isZero(p []byte) bool {
	for len(p) >= 8 {
		if p[0]|p[1]|p[2]|p[3]|p[4]|p[5]|p[6]|p[7] != 0 {
			return false
		}
		p = p[8:]
	}
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
