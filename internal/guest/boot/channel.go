package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ChannelName is the virtio port that is the channel to the host.
const ChannelName = "skep"

// channel is a virtio port read and written by plain system calls: Go's poller
// does not take such a device, and one goroutine reads while one writes. The
// calls are readv and writev because programs under test trace read and write
// so often, and would see, and multiply, the reports about themselves.
type channel struct{ fd int }

// openChannel waits for the port: virtio's drivers find it a moment after
// their modules were loaded.
func openChannel(wait time.Duration) (*channel, error) {
	deadline := time.Now().Add(wait)
	for {
		device, err := findPort("/sys/class/virtio-ports")
		if err == nil {
			fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return nil, fmt.Errorf("open %s: %w", device, err)
			}
			return &channel{fd}, nil
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		time.Sleep(time.Millisecond) // the class has no event to wait for
	}
}

func findPort(class string) (string, error) {
	ports, err := os.ReadDir(class)
	if err != nil {
		return "", fmt.Errorf("look for virtio port %q: %w", ChannelName, err)
	}
	for _, port := range ports {
		text, err := os.ReadFile(filepath.Join(class, port.Name(), "name"))
		if err == nil && strings.TrimSpace(string(text)) == ChannelName {
			return filepath.Join("/dev", port.Name()), nil
		}
	}
	return "", fmt.Errorf("no virtio port is named %q", ChannelName)
}

func (c *channel) Read(p []byte) (int, error) {
	for {
		n, err := unix.Readv(c.fd, [][]byte{p})
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return 0, fmt.Errorf("read from the host: %w", err)
		case n == 0: // no host at the other end yet
			time.Sleep(time.Millisecond)
		default:
			return n, nil
		}
	}
}

func (c *channel) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := unix.Writev(c.fd, [][]byte{p[written:]})
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return written, fmt.Errorf("write to the host: %w", err)
		default:
			written += n
		}
	}
	return written, nil
}
