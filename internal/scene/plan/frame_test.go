package plan

import (
	"encoding/hex"
	"strings"
	"testing"
)

// Ethernet, then IPv4 or IPv6, then ports 1000 and 2000, then "hello".
var (
	udp4 = frame("027700000002 027700000001 0800 4500002100000000401166ca 0a4d0001 0a4d0002 03e807d0000d0000 68656c6c6f")
	tcp6 = frame("027700000002 027700000001 86dd 6000000000190640 fd770000000000000000000000000001 fd770000000000000000000000000002 03e807d0 000000000000000050020000 00000000 68656c6c6f")
	vlan = frame("027700000002 027700000001 8100 0007 0800 4500002100000000401166ca 0a4d0001 0a4d0002 03e807d0000d0000 68656c6c6f")
	part = frame("027700000002 027700000001 0800 4500002100000003401166ca 0a4d0001 0a4d0002 03e807d0000d0000 68656c6c6f")
	arp  = frame("ffffffffffff 027700000001 0806 0001080006040001")
)

func frame(digits string) []byte {
	data, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return data
}

func TestFilter(t *testing.T) {
	tests := []struct {
		name   string
		filter *Filter
		frame  []byte
		want   bool
	}{
		{"none", nil, arp, true},
		{"empty", &Filter{}, nil, true},
		{"direction", &Filter{Direction: "in"}, udp4, true},
		{"other direction", &Filter{Direction: "out"}, udp4, false},
		{"ethernet type", &Filter{EtherType: new(0x0806)}, arp, true},
		{"other ethernet type", &Filter{EtherType: new(0x0806)}, udp4, false},
		{"protocol", &Filter{Protocol: new(17)}, udp4, true},
		{"protocol of version 6", &Filter{Protocol: new(6)}, tcp6, true},
		{"no protocol", &Filter{Protocol: new(17)}, arp, false},
		{"source", &Filter{Port: new(1000)}, udp4, true},
		{"destination", &Filter{Port: new(2000)}, tcp6, true},
		{"other port", &Filter{Port: new(3000)}, tcp6, false},
		{"behind a tag", &Filter{EtherType: new(0x0800), Port: new(2000)}, vlan, true},
		{"a later fragment", &Filter{Port: new(2000)}, part, false},
		{"contains", &Filter{Contains: "ello"}, udp4, true},
		{"contains not", &Filter{Contains: "Hello"}, udp4, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.filter.Matches(&Packet{Direction: "in", Bytes: test.frame}); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range [][]byte{udp4, tcp6, vlan, part, arp} {
		f.Add(seed)
	}
	filter := &Filter{Port: new(1)}
	f.Fuzz(func(_ *testing.T, data []byte) { filter.Matches(&Packet{Bytes: data}) })
}
