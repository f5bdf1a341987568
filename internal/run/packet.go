package run

import (
	"fmt"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// summarise says in one line what a frame is, of which only the beginning may
// be there.
func summarise(frame []byte, length int) string {
	missing := length - len(frame)
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var source, destination, protocol string
	var details []string
	for _, layer := range packet.Layers() {
		if layer.LayerType() == gopacket.LayerTypeDecodeFailure {
			break
		}
		protocol = layer.LayerType().String()
		switch l := layer.(type) {
		case *layers.Ethernet:
			source, destination = l.SrcMAC.String(), l.DstMAC.String()
		case *layers.Dot1Q:
			details = append(details, fmt.Sprintf("VLAN %d", l.VLANIdentifier))
		case *layers.IPv4:
			source, destination = l.SrcIP.String(), l.DstIP.String()
		case *layers.IPv6:
			source, destination = l.SrcIP.String(), l.DstIP.String()
		case *layers.UDP:
			source, destination = fmt.Sprintf("%s:%d", source, l.SrcPort), fmt.Sprintf("%s:%d", destination, l.DstPort)
			details = append(details, fmt.Sprintf("%d bytes", len(l.Payload)+missing))
			return describePacket("UDP", source, destination, details)
		case *layers.TCP:
			source, destination = fmt.Sprintf("%s:%d", source, l.SrcPort), fmt.Sprintf("%s:%d", destination, l.DstPort)
			details = append(details, strings.Join(tcpFlags(l), " "), fmt.Sprintf("%d bytes", len(l.Payload)+missing))
			return describePacket("TCP", source, destination, details)
		}
	}
	if protocol == "" {
		return fmt.Sprintf("%d bytes that are no Ethernet frame", length)
	}
	return describePacket(protocol, source, destination, append(details, fmt.Sprintf("%d bytes", length)))
}

func describePacket(protocol, source, destination string, details []string) string {
	return fmt.Sprintf("%s %s → %s, %s", protocol, source, destination, strings.Join(details, ", "))
}

func tcpFlags(t *layers.TCP) []string {
	var set []string
	for _, f := range []struct {
		on   bool
		name string
	}{{t.SYN, "SYN"}, {t.FIN, "FIN"}, {t.RST, "RST"}, {t.PSH, "PSH"}, {t.ACK, "ACK"}, {t.URG, "URG"}} {
		if f.on {
			set = append(set, f.name)
		}
	}
	return set
}
