package play

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A user is numbers that a process runs with.
type user struct {
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Home string `json:"home,omitempty"`
}

// resolveUser turns a scene's words into numbers; nil if none are given.
func resolveUser(name string, uid, gid *int) (*user, error) {
	if name == "" && uid == nil && gid == nil {
		return nil, nil
	}
	u := user{UID: os.Getuid(), GID: os.Getgid()}
	if name != "" {
		account, err := lookUp(name)
		if err != nil {
			return nil, err
		}
		u = account
	}
	if uid != nil {
		u.UID, u.GID = *uid, *uid
	}
	if gid != nil {
		u.GID = *gid
	}
	return &u, nil
}

// lookUp reads /etc/passwd, as there is no C library to do so.
func lookUp(name string) (user, error) {
	file, err := os.Open("/etc/passwd")
	if err != nil {
		return user{}, fmt.Errorf("look up user %q: %w", name, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 6 || fields[0] != name {
			continue
		}
		uid, err1 := strconv.Atoi(fields[2])
		gid, err2 := strconv.Atoi(fields[3])
		if err := errors.Join(err1, err2); err != nil {
			return user{}, fmt.Errorf("look up user %q: %w", name, err)
		}
		return user{UID: uid, GID: gid, Home: fields[5]}, nil
	}
	return user{}, fmt.Errorf("there is no user %q in /etc/passwd", name)
}

// become changes the whole process's identity, for good.
func (u *user) become() error {
	if unix.Getuid() == u.UID && unix.Getgid() == u.GID {
		return nil
	}
	if err := syscall.Setgroups(nil); err != nil && unix.Geteuid() == 0 {
		return fmt.Errorf("drop the groups: %w", err)
	}
	if err := syscall.Setresgid(u.GID, u.GID, u.GID); err != nil {
		return fmt.Errorf("become group %d (only root may): %w", u.GID, err)
	}
	if err := syscall.Setresuid(u.UID, u.UID, u.UID); err != nil {
		return fmt.Errorf("become user %d (only root may): %w", u.UID, err)
	}
	return nil
}
