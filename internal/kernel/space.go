package kernel

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// indexSpace is what the lists of packages and apt's index of them take
	// while they are fetched: 130 MB, and what their suites will grow by.
	indexSpace = 200 << 20
	// kernelSpace is how many times the packages' size a pull needs: the
	// packages, the modules, the image, vmlinux and BTF. 4.6 times for 6.1.
	kernelSpace = 6
	// leastSpace is less than apt needs to go on.
	leastSpace = 1 << 20
)

// freeSpace is what the user may still write to dir's file system, in bytes.
func freeSpace(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("measure the free space of %s: %w", dir, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// needSpace fails with ENOSPC, before anything is written, if dir's file system
// has not enough room.
func needSpace(dir string, need int64) error {
	free, err := freeSpace(dir)
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("%d MB are needed, %d MB are left: %w", need>>20, free>>20, unix.ENOSPC)
	}
	return nil
}

// whileSpace returns a context that ends with ENOSPC when dir's disk fills up:
// apt 2.6 then waits for ever for a method that could not write.
func whileSpace(ctx context.Context, dir string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	look := time.NewTicker(time.Second)
	go func() {
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				if free, err := freeSpace(dir); err == nil && free < leastSpace {
					cancel(unix.ENOSPC)
				}
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
