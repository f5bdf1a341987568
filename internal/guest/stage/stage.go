//go:build linux

// Package stage plays scenes for package guest: it gives the programs under
// test the sockets that the actors open.
package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/skep-dev/skep/internal/guest"
	"github.com/skep-dev/skep/internal/scene/plan"
	"github.com/skep-dev/skep/internal/scene/play"
	"golang.org/x/sys/unix"
)

// Play starts the actors of a plan.
func Play(p plan.Plan, options play.Options) (guest.Player, error) {
	player, err := play.Start(p, options)
	if err != nil {
		return nil, err
	}
	return &stage{Player: player, actors: p.Actors, seen: make(map[string]bool)}, nil
}

// stage is a player that notices sockets.
type stage struct {
	*play.Player
	actors []plan.Actor
	uses   []func(fd int, kind string) error
	seen   map[string]bool // sockets, as the links in /proc name them
	errs   []error
}

// Sockets implements guest.Player.
func (s *stage) Sockets(use func(fd int, kind string) error) { s.uses = append(s.uses, use) }

// Run implements guest.Player. Sockets that exist already, and those that a
// step has opened, are handed out before the next step.
func (s *stage) Run(ctx context.Context, report func(plan.Result)) error {
	if len(s.uses) == 0 {
		return s.Player.Run(ctx, report)
	}
	for _, actor := range s.actors {
		s.handOut(actor.Name)
	}
	err := s.Player.Run(ctx, func(r plan.Result) {
		s.handOut(r.Actor)
		report(r)
	})
	return errors.Join(append(s.errs, err)...)
}

// Close implements guest.Player.
func (s *stage) Close() { _ = s.Player.Close() } // the machine ends with it

// handOut looks through an actor's descriptors for sockets that are new.
func (s *stage) handOut(actor string) {
	pid, ok := s.ActorPID(actor)
	if !ok {
		return
	}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // it has ended
	}
	for _, entry := range entries {
		target, err := os.Readlink(folder + "/" + entry.Name())
		if err != nil || !strings.HasPrefix(target, "socket:") || s.seen[target] {
			continue
		}
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s.use(pid, fd) {
			s.seen[target] = true
		}
	}
}

// use takes a copy of an actor's socket and passes it on. It tells whether the
// socket is one that is of use, now.
func (s *stage) use(pid, fd int) bool {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(process)
	socket, err := unix.PidfdGetfd(process, fd, 0)
	if err != nil {
		return false
	}
	defer unix.Close(socket)
	kind := kindOf(socket)
	if kind == "" {
		return false
	}
	for _, use := range s.uses {
		if err := use(socket, kind); err != nil {
			s.errs = append(s.errs, err)
		}
	}
	return true
}

// kindOf names a socket in the words of guest.Player; "" is one that is not,
// or not yet, of use.
func kindOf(fd int) string {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || (domain != unix.AF_INET && domain != unix.AF_INET6) {
		return ""
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case err != nil:
		return ""
	case kind == unix.SOCK_DGRAM:
		return "udp"
	case kind != unix.SOCK_STREAM:
		return ""
	}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens != 0 {
		return "listen"
	}
	if _, err := unix.Getpeername(fd); err != nil {
		return ""
	}
	return "tcp"
}
