package plan

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

var (
	_ = kind[SendFrame]("send_frame")
	_ = kind[OpenCapture]("open_capture")
	_ = kind[Capture]("capture")
)

// SendFrame puts one Ethernet frame on an interface, as it stands. In a scene
// it is either hex or built from layers; in a plan it is bytes.
type SendFrame struct {
	Interface string `json:"interface" scene:"required,max=15"`
	Frame     Hex    `json:"hex,omitempty"`
	Layers
}

// Layers are headers from the outside in. Lengths and checksums are computed.
type Layers struct {
	Ethernet *Ethernet `json:"ethernet,omitempty"`
	VLAN     *VLAN     `json:"vlan,omitempty"`
	IPv4     *IP       `json:"ipv4,omitempty"`
	IPv6     *IP       `json:"ipv6,omitempty"`
	UDP      *UDP      `json:"udp,omitempty"`
	TCP      *TCP      `json:"tcp,omitempty"`
	ICMP     *ICMP     `json:"icmp,omitempty"`
	Payload  *Payload  `json:"payload,omitempty"`
}

// Ethernet is the outermost header.
type Ethernet struct {
	Source      string `json:"source,omitempty" scene:"max=17"`      // 02:77:00:00:00:01, the near end
	Destination string `json:"destination,omitempty" scene:"max=17"` // 02:77:00:00:00:02, the far end
	Type        *int   `json:"type,omitempty" scene:"min=0,max=65535"`
}

// VLAN is an 802.1Q tag.
type VLAN struct {
	ID       int `json:"id" scene:"required,short,min=0,max=4095"`
	Priority int `json:"priority,omitempty" scene:"min=0,max=7"`
}

// IP is an IPv4 or IPv6 header.
type IP struct {
	Source      string `json:"source" scene:"required,max=64"`
	Destination string `json:"destination" scene:"required,max=64"`
	TTL         int    `json:"ttl,omitempty" scene:"min=0,max=255"` // 64; the hop limit of IPv6
	TOS         int    `json:"tos,omitempty" scene:"min=0,max=255"`
	Protocol    *int   `json:"protocol,omitempty" scene:"min=0,max=255"` // the next layer's, else 59 (none)
}

// UDP is a datagram's header.
type UDP struct {
	Source      int `json:"source" scene:"required,min=0,max=65535"`
	Destination int `json:"destination" scene:"required,min=0,max=65535"`
}

// TCP is a segment's header.
type TCP struct {
	Source      int      `json:"source" scene:"required,min=0,max=65535"`
	Destination int      `json:"destination" scene:"required,min=0,max=65535"`
	Sequence    int64    `json:"sequence,omitempty" scene:"min=0,max=4294967295"`
	Ack         int64    `json:"ack,omitempty" scene:"min=0,max=4294967295"`
	Window      int      `json:"window,omitempty" scene:"min=0,max=65535"` // 65535
	Flags       []string `json:"flags,omitempty"`                          // syn, ack, fin, rst, psh, urg
}

// ICMP is an echo or another message, of version 6 under IPv6.
type ICMP struct {
	Type     *int `json:"type,omitempty" scene:"min=0,max=255"` // echo request: 8, or 128 under IPv6
	Code     int  `json:"code,omitempty" scene:"min=0,max=255"`
	ID       int  `json:"id,omitempty" scene:"min=0,max=65535"`
	Sequence int  `json:"sequence,omitempty" scene:"min=0,max=65535"`
}

// Filter says which frames a capture takes; each field that is given must fit.
type Filter struct {
	Direction string `json:"direction,omitempty"` // in, out; both
	EtherType *int   `json:"ethernet_type,omitempty" scene:"min=0,max=65535"`
	Protocol  *int   `json:"protocol,omitempty" scene:"min=0,max=255"` // of IPv4 or IPv6
	Port      *int   `json:"port,omitempty" scene:"min=0,max=65535"`   // source or destination of UDP or TCP
	Contains  string `json:"contains,omitempty"`                       // these bytes anywhere
}

func (f *Filter) check() error {
	if f == nil || f.Direction == "" {
		return nil
	}
	return oneOf("direction", f.Direction, []string{"in", "out"})
}

// OpenCapture starts to collect the frames of an interface, which a later
// capture takes.
type OpenCapture struct {
	Interface string `json:"interface" scene:"required,max=15"`
	As        string `json:"as" scene:"required,name"`
}

// Capture takes frames until it has Packets of them or For has passed.
type Capture struct {
	On        string  `json:"on,omitempty" scene:"name"`
	Interface string  `json:"interface,omitempty" scene:"max=15"`
	Packets   int     `json:"packets,omitempty" scene:"min=1,max=256"` // 1
	For       Seconds `json:"for,omitempty"`                           // the step's timeout
	Filter    *Filter `json:"filter,omitempty"`
}

// Check implements Checker.
func (c *Capture) Check() error {
	if (c.On == "") == (c.Interface == "") {
		return fmt.Errorf("capture needs either on (an open capture) or interface")
	}
	return c.Filter.check()
}

// Matches says whether a frame fits the filter. A nil filter takes every frame.
func (f *Filter) Matches(p *Packet) bool {
	if f == nil {
		return true
	}
	if f.Direction != "" && f.Direction != p.Direction {
		return false
	}
	h := readHeaders(p.Bytes)
	return same(f.EtherType, h.etherType) && same(f.Protocol, h.protocol) &&
		(f.Port == nil || same(f.Port, h.source) || same(f.Port, h.destination)) &&
		bytes.Contains(p.Bytes, []byte(f.Contains))
}

func same(wanted *int, seen int) bool { return wanted == nil || *wanted == seen }

// headers are what a filter looks at; -1 where a frame has none.
type headers struct{ etherType, protocol, source, destination int }

func readHeaders(frame []byte) headers {
	h := headers{-1, -1, -1, -1}
	if len(frame) < 14 {
		return h
	}
	h.etherType = int(binary.BigEndian.Uint16(frame[12:]))
	rest := frame[14:]
	if h.etherType == 0x8100 && len(rest) >= 4 {
		h.etherType, rest = int(binary.BigEndian.Uint16(rest[2:])), rest[4:]
	}
	switch {
	case h.etherType == 0x0800 && len(rest) >= 20:
		h.protocol = int(rest[9])
		length := int(rest[0]&0xf) * 4
		if length < 20 || length > len(rest) || binary.BigEndian.Uint16(rest[6:])&0x1fff != 0 {
			return h // a later fragment has no ports
		}
		rest = rest[length:]
	case h.etherType == 0x86dd && len(rest) >= 40:
		h.protocol = int(rest[6])
		rest = rest[40:]
	default:
		return h
	}
	if (h.protocol == 6 || h.protocol == 17) && len(rest) >= 4 {
		h.source = int(binary.BigEndian.Uint16(rest))
		h.destination = int(binary.BigEndian.Uint16(rest[2:]))
	}
	return h
}
