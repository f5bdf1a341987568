package main

import (
	"strings"
	"testing"
)

const smaps = `7f0000000000-7f0008000000 rw-p 00000000 00:01 2050 /memfd:ram (deleted)
Size:             131072 kB
Rss:               90000 kB
Pss:               60000 kB
Private_Dirty:     50000 kB
Anonymous:         20000 kB
VmFlags: rd wr mr mw me ac sd
7f0010000000-7f0014000000 rwxp 00000000 00:00 0
Pss:                8000 kB
Anonymous:          8000 kB
7f0020000000-7f0021000000 r-xp 00000000 08:01 99 /usr/bin/qemu-system-x86_64
Pss:                3000 kB
Anonymous:             0 kB
55500000-55600000 rw-p 00000000 00:00 0 [heap]
Pss:                1000 kB
`

func TestReadSmaps(t *testing.T) {
	got, err := readSmaps(strings.NewReader(smaps))
	if err != nil {
		t.Fatal(err)
	}
	expected := footprint{snapshot: 20000 << 10, heap: 9000 << 10, files: 3000 << 10}
	if got != expected {
		t.Errorf("got %+v, not %+v", got, expected)
	}
	if got.own() != 32000<<10 {
		t.Errorf("its own is %d", got.own())
	}
}

func TestParseStat(t *testing.T) {
	for _, test := range []struct {
		text        string
		pid, parent int
		ok          bool
	}{
		{"12 (qemu) S 11 12 12 0", 12, 11, true},
		{"12 (a name) with) spaces) R 7 12", 12, 7, true},
		{"12 (qemu)", 0, 0, false},
		{"", 0, 0, false},
	} {
		pid, parent, ok := parseStat(test.text)
		if pid != test.pid || parent != test.parent || ok != test.ok {
			t.Errorf("%q: %d, %d, %v", test.text, pid, parent, ok)
		}
	}
}
