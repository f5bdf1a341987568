package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

var (
	_ = kind[Listen]("listen")
	_ = kind[Accept]("accept")
	_ = kind[Connect]("connect")
	_ = kind[Bind]("bind")
	_ = kind[Send]("send")
	_ = kind[Receive]("receive")
	_ = kind[Shutdown]("shutdown")
	_ = kind[Socketpair]("socketpair")
	_ = kind[Ping]("ping")
)

// Endpoint is where a socket is, or goes to: an address with a port, or a
// path in the file system for unix sockets.
type Endpoint struct {
	Network string `json:"network,omitempty"` // tcp, udp, unix; the kind says which is the default
	Address string `json:"address,omitempty" scene:"max=64"`
	Port    int    `json:"port,omitempty" scene:"min=0,max=65535"`
	Path    string `json:"path,omitempty" scene:"max=107"` // sun_path less its end
}

// Networks are the words that Endpoint.Network knows.
var Networks = []string{"tcp", "udp", "unix"}

func (e *Endpoint) check() error {
	if e.Network != "" {
		if err := oneOf("network", e.Network, Networks); err != nil {
			return err
		}
	}
	if e.Network == "unix" {
		if e.Path == "" || e.Address != "" || e.Port != 0 {
			return fmt.Errorf("a unix socket has a path, and neither address nor port")
		}
		return nil
	}
	if e.Path != "" {
		return fmt.Errorf("path is for network: unix")
	}
	if e.Address == "" {
		return fmt.Errorf("address is missing")
	}
	return checkAddress(e.Address)
}

func checkAddress(text string) error {
	if _, err := netip.ParseAddr(text); err != nil {
		return fmt.Errorf("%q is not an IPv4 or IPv6 address; scenes have no name service", text)
	}
	return nil
}

// Listen makes a socket that others connect to.
type Listen struct {
	Endpoint
	Backlog int    `json:"backlog,omitempty" scene:"min=1,max=4096"` // 16
	As      string `json:"as" scene:"required,name"`
}

// Check implements Checker.
func (l *Listen) Check() error {
	if l.Network == "udp" {
		return fmt.Errorf("udp does not listen: use bind")
	}
	return l.check()
}

// Accept takes one connection.
type Accept struct {
	On string `json:"on" scene:"required,name"`
	As string `json:"as" scene:"required,name"`
}

// Connect makes a socket and connects it: tcp by default.
type Connect struct {
	Endpoint
	FromPort int    `json:"from_port,omitempty" scene:"min=0,max=65535"` // any
	As       string `json:"as" scene:"required,name"`
}

// Check implements Checker.
func (c *Connect) Check() error { return c.check() }

// Bind makes a datagram socket with an address of its own: udp by default.
type Bind struct {
	Endpoint
	As string `json:"as" scene:"required,name"`
}

// Check implements Checker.
func (b *Bind) Check() error {
	if b.Network == "tcp" {
		return fmt.Errorf("tcp needs listen or connect; bind is for udp and unix datagrams")
	}
	return b.check()
}

// Send sends bytes: over a connected socket, or as a datagram to an address.
// or to a path. Without On the datagram is from a fresh socket.
type Send struct {
	On      string `json:"on,omitempty" scene:"name"`
	Address string `json:"address,omitempty" scene:"max=64"`
	Port    int    `json:"port,omitempty" scene:"min=0,max=65535"`
	Path    string `json:"path,omitempty" scene:"max=107"`
	Payload
}

// Check implements Checker.
func (s *Send) Check() error {
	if s.On == "" && s.Address == "" && s.Path == "" {
		return fmt.Errorf("send needs on (a socket), or for a datagram address and port, or path")
	}
	if s.Path != "" && s.Address != "" {
		return fmt.Errorf("address and path exclude each other")
	}
	if s.Address != "" {
		if err := checkAddress(s.Address); err != nil {
			return err
		}
	}
	return s.check()
}

// Receive makes one receive call, or with All as many as fill Bytes.
type Receive struct {
	On    string `json:"on" scene:"required,name,short"`
	Bytes int    `json:"bytes,omitempty" scene:"min=1,max=1048576"` // 65536
	All   bool   `json:"all,omitempty"`
}

// Shutdown ends one or both directions of a connection.
type Shutdown struct {
	On  string `json:"on" scene:"required,name,short"`
	How string `json:"how,omitempty"` // read, write, both; both
}

// Check implements Checker.
func (s *Shutdown) Check() error {
	if s.How == "" {
		return nil
	}
	return oneOf("how", s.How, []string{"read", "write", "both"})
}

// Socketpair makes two connected unix stream sockets in the actor.
type Socketpair struct {
	As []string `json:"as" scene:"required,name"`
}

// Check implements Checker.
func (s *Socketpair) Check() error {
	if len(s.As) != 2 || s.As[0] == s.As[1] {
		return fmt.Errorf("as needs two different names")
	}
	return nil
}

// Ping sends one ICMP echo request and waits for its reply.
type Ping struct {
	Address string `json:"address" scene:"required,short,max=64"`
	Payload
}

// Check implements Checker.
func (p *Ping) Check() error {
	if err := checkAddress(p.Address); err != nil {
		return err
	}
	return p.check()
}

func oneOf(what, word string, words []string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("unknown %s %q: it is one of %s", what, word, strings.Join(words, ", "))
}
