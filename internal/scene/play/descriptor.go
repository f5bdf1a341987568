package play

import (
	"time"

	"github.com/skep-dev/skep/internal/scene/plan"
	"golang.org/x/sys/unix"
)

var (
	_ = perform("open", open)
	_ = perform("read", read)
	_ = perform("write", write)
	_ = perform("close", closeNamed)
)

var openFlags = map[string]int{
	"append": unix.O_APPEND, "create": unix.O_CREAT, "exclusive": unix.O_EXCL, "truncate": unix.O_TRUNC,
	"directory": unix.O_DIRECTORY, "nofollow": unix.O_NOFOLLOW, "path": unix.O_PATH,
}

func open(c *call, o *plan.Open, _ *plan.Result) error {
	flags, reads, writes := 0, false, false
	for _, word := range o.Flags {
		flags |= openFlags[word]
		reads = reads || word == "read"
		writes = writes || word == "write" || word == "append"
	}
	switch {
	case reads && writes:
		flags |= unix.O_RDWR
	case writes:
		flags |= unix.O_WRONLY
	}
	fd, err := openFile(o.Path, flags, o.Mode.Or(0o644))
	if err != nil {
		return err
	}
	if o.As == "" {
		return unix.Close(fd)
	}
	c.name(o.As, fd)
	return nil
}

func read(c *call, args *plan.Read, r *plan.Result) error {
	fd, err := c.descriptor(args.On)
	if err != nil {
		return err
	}
	size := args.Bytes
	if size == 0 {
		size = 4096
	}
	buffer := make([]byte, size)
	n, err := retry(func() (int, error) { return unix.Read(fd, buffer) })
	if err != nil {
		return err
	}
	keep(r, buffer[:n])
	return nil
}

func write(c *call, args *plan.Write, r *plan.Result) error {
	fd, err := c.descriptor(args.On)
	if err != nil {
		return err
	}
	n, err := retry(func() (int, error) { return unix.Write(fd, args.Data()) })
	r.Count = max(n, 0)
	return err
}

func closeNamed(c *call, args *plan.Close, _ *plan.Result) error {
	fd, err := c.descriptor(args.On)
	if err != nil {
		return err
	}
	c.forget(args.On)
	return unix.Close(fd)
}

// poll waits until a descriptor is ready, or the time is over.
func poll(fd int, events int16, limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		timeout := unix.NsecToTimespec(max(time.Until(end), 0).Nanoseconds())
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := retry(func() (int, error) { return unix.Ppoll(fds, &timeout, nil) })
		switch {
		case err != nil:
			return err
		case n > 0:
			return nil
		case !time.Now().Before(end):
			return errTimeout
		}
	}
}
