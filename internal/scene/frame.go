package scene

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/skep-dev/skep/internal/scene/plan"
)

// Hardware addresses of the guest's veth pair, for frames that give none.
const (
	nearMAC = "02:77:00:00:00:01"
	farMAC  = "02:77:00:00:00:02"
)

const maxFrame = 65_535 + 14 // bytes; loopback takes so much, a veth 1514

// buildFrame turns the layers of a frame into its bytes, so that the guest
// needs no packet library.
func buildFrame(f *plan.SendFrame) error {
	if len(f.Frame) > 0 {
		if f.Layers != (plan.Layers{}) {
			return errors.New("hex and layers exclude each other")
		}
		return checkFrame(f.Frame)
	}
	b := frameBuilder{}
	if err := b.add(&f.Layers); err != nil {
		return err
	}
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, b.layers...); err != nil {
		return fmt.Errorf("build the frame: %w", err)
	}
	f.Frame, f.Layers = buffer.Bytes(), plan.Layers{}
	return checkFrame(f.Frame)
}

func checkFrame(frame []byte) error {
	if len(frame) < 14 || len(frame) > maxFrame {
		return fmt.Errorf("a frame has 14 to %d bytes, not %d", maxFrame, len(frame))
	}
	return nil
}

type frameBuilder struct {
	layers  []gopacket.SerializableLayer
	network gopacket.NetworkLayer // for the checksums above it
	version int                   // of IP; 0 without it
}

func (b *frameBuilder) add(l *plan.Layers) error {
	if l.IPv4 != nil && l.IPv6 != nil {
		return errors.New("ipv4 and ipv6 exclude each other")
	}
	if given(l.UDP != nil, l.TCP != nil, l.ICMP != nil) > 1 {
		return errors.New("udp, tcp and icmp exclude each other")
	}
	if given(l.UDP != nil, l.TCP != nil, l.ICMP != nil) == 1 && l.IPv4 == nil && l.IPv6 == nil {
		return errors.New("udp, tcp and icmp need ipv4 or ipv6 below them")
	}
	for _, add := range []func(*plan.Layers) error{b.ethernet, b.ip, b.transport} {
		if err := add(l); err != nil {
			return err
		}
	}
	if l.Payload != nil {
		b.layers = append(b.layers, gopacket.Payload(l.Payload.Data()))
	}
	return nil
}

func given(flags ...bool) int {
	count := 0
	for _, is := range flags {
		if is {
			count++
		}
	}
	return count
}

func (b *frameBuilder) ethernet(l *plan.Layers) error {
	e := plan.Ethernet{}
	if l.Ethernet != nil {
		e = *l.Ethernet
	}
	source, err := hardware(e.Source, nearMAC)
	if err != nil {
		return err
	}
	destination, err := hardware(e.Destination, farMAC)
	if err != nil {
		return err
	}
	kind := layers.EthernetType(0x88b5) // IEEE 802: for local experiments
	switch {
	case e.Type != nil:
		kind = layers.EthernetType(*e.Type)
	case l.IPv4 != nil:
		kind = layers.EthernetTypeIPv4
	case l.IPv6 != nil:
		kind = layers.EthernetTypeIPv6
	}
	header := &layers.Ethernet{SrcMAC: source, DstMAC: destination, EthernetType: kind}
	b.layers = append(b.layers, header)
	if l.VLAN != nil {
		header.EthernetType = layers.EthernetTypeDot1Q
		b.layers = append(b.layers, &layers.Dot1Q{
			Priority: uint8(l.VLAN.Priority), VLANIdentifier: uint16(l.VLAN.ID), Type: kind,
		})
	}
	return nil
}

func hardware(text, fallback string) (net.HardwareAddr, error) {
	if text == "" {
		text = fallback
	}
	address, err := net.ParseMAC(text)
	if err != nil || len(address) != 6 {
		return nil, fmt.Errorf("%q is not a hardware address as in %s", text, nearMAC)
	}
	return address, nil
}

func (b *frameBuilder) ip(l *plan.Layers) error {
	switch {
	case l.IPv4 != nil:
		return b.ipv4(l.IPv4, protocol(l, layers.IPProtocolICMPv4))
	case l.IPv6 != nil:
		return b.ipv6(l.IPv6, protocol(l, layers.IPProtocolICMPv6))
	}
	return nil
}

func protocol(l *plan.Layers, icmp layers.IPProtocol) layers.IPProtocol {
	switch {
	case l.UDP != nil:
		return layers.IPProtocolUDP
	case l.TCP != nil:
		return layers.IPProtocolTCP
	case l.ICMP != nil:
		return icmp
	}
	return layers.IPProtocolNoNextHeader
}

func (b *frameBuilder) ipv4(ip *plan.IP, next layers.IPProtocol) error {
	source, destination, err := addresses(ip, netip.Addr.Is4)
	if err != nil {
		return err
	}
	header := &layers.IPv4{Version: 4, TTL: hops(ip), TOS: uint8(ip.TOS), Protocol: next, SrcIP: source, DstIP: destination}
	if ip.Protocol != nil {
		header.Protocol = layers.IPProtocol(*ip.Protocol)
	}
	b.layers, b.network, b.version = append(b.layers, header), header, 4
	return nil
}

func (b *frameBuilder) ipv6(ip *plan.IP, next layers.IPProtocol) error {
	source, destination, err := addresses(ip, netip.Addr.Is6)
	if err != nil {
		return err
	}
	header := &layers.IPv6{Version: 6, HopLimit: hops(ip), TrafficClass: uint8(ip.TOS), NextHeader: next, SrcIP: source, DstIP: destination}
	if ip.Protocol != nil {
		header.NextHeader = layers.IPProtocol(*ip.Protocol)
	}
	b.layers, b.network, b.version = append(b.layers, header), header, 6
	return nil
}

func hops(ip *plan.IP) uint8 {
	if ip.TTL == 0 {
		return 64
	}
	return uint8(ip.TTL)
}

func addresses(ip *plan.IP, right func(netip.Addr) bool) (source, destination net.IP, err error) {
	for _, end := range []struct {
		text string
		into *net.IP
	}{{ip.Source, &source}, {ip.Destination, &destination}} {
		address, err := netip.ParseAddr(end.text)
		if err != nil || !right(address) {
			return nil, nil, fmt.Errorf("%q is not an address of this version of IP", end.text)
		}
		*end.into = address.AsSlice()
	}
	return source, destination, nil
}

func (b *frameBuilder) transport(l *plan.Layers) error {
	switch {
	case l.UDP != nil:
		header := &layers.UDP{SrcPort: layers.UDPPort(l.UDP.Source), DstPort: layers.UDPPort(l.UDP.Destination)}
		b.layers = append(b.layers, header)
		return header.SetNetworkLayerForChecksum(b.network)
	case l.TCP != nil:
		return b.tcp(l.TCP)
	case l.ICMP != nil && b.version == 4:
		b.icmp4(l.ICMP)
	case l.ICMP != nil:
		return b.icmp6(l.ICMP)
	}
	return nil
}

func (b *frameBuilder) tcp(t *plan.TCP) error {
	header := &layers.TCP{
		SrcPort: layers.TCPPort(t.Source), DstPort: layers.TCPPort(t.Destination),
		Seq: uint32(t.Sequence), Ack: uint32(t.Ack), Window: uint16(t.Window),
	}
	if t.Window == 0 {
		header.Window = 65535
	}
	flags := map[string]*bool{
		"syn": &header.SYN, "ack": &header.ACK, "fin": &header.FIN,
		"rst": &header.RST, "psh": &header.PSH, "urg": &header.URG,
	}
	for _, word := range t.Flags {
		flag, known := flags[word]
		if !known {
			return errors.New(unknown("flag", word, []string{"syn", "ack", "fin", "rst", "psh", "urg"}))
		}
		*flag = true
	}
	b.layers = append(b.layers, header)
	return header.SetNetworkLayerForChecksum(b.network)
}

func (b *frameBuilder) icmp4(i *plan.ICMP) {
	kind := layers.ICMPv4TypeEchoRequest
	if i.Type != nil {
		kind = *i.Type
	}
	b.layers = append(b.layers, &layers.ICMPv4{
		TypeCode: layers.CreateICMPv4TypeCode(uint8(kind), uint8(i.Code)), Id: uint16(i.ID), Seq: uint16(i.Sequence),
	})
}

func (b *frameBuilder) icmp6(i *plan.ICMP) error {
	kind := layers.ICMPv6TypeEchoRequest
	if i.Type != nil {
		kind = *i.Type
	}
	header := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(kind), uint8(i.Code))}
	b.layers = append(b.layers, header)
	// gopacket's ICMPv6 header ends with the checksum; identifier and
	// sequence number are a layer of their own.
	b.layers = append(b.layers, &layers.ICMPv6Echo{Identifier: uint16(i.ID), SeqNumber: uint16(i.Sequence)})
	return header.SetNetworkLayerForChecksum(b.network)
}
