package object

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var mutants = flag.Int("mutants", 300, "damaged objects to try of each kind")

// TestDamagedObjects damages real objects where it hurts: in headers, symbols,
// BTF, DWARF and code. Nothing may panic, and nothing may take long.
func TestDamagedObjects(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"emit_joined.bpf.c", "emit_elsewhere.bpf.c", "show.bpf.c"} {
		for _, flags := range [][]string{{"-I", "../compile/include"}, {"-gdwarf-4", "-I", "../compile/include"}} {
			object := compile(t, name, flags...)
			var slowest time.Duration
			for range *mutants {
				data := damage(random, object)
				began := time.Now()
				examine(data)
				slowest = max(slowest, time.Since(began))
			}
			t.Logf("%s %v: slowest %v", name, flags, slowest)
		}
	}
}

// examine does all that can be done with an object.
func examine(data []byte) {
	_, _ = Strip(data)
	o, err := Read(data)
	if err != nil {
		return
	}
	o.ShowSites()
	for _, s := range o.EmitSites() {
		o.EventTypes(s.Map, s.Size)
	}
	o.EventTypes("none", 24)
	_, _ = o.TypeByName("struct record")
}

// damage changes a few bytes of one section, or of the ELF headers.
func damage(random *rand.Rand, object []byte) []byte {
	data := append([]byte(nil), object...)
	img, err := parseImage(data)
	if err != nil {
		return data
	}
	target := data[:headerSize]
	if n := random.IntN(len(img.sections) + 2); n < len(img.sections) && len(img.sections[n].data) > 0 {
		target = img.sections[n].data
	} else if n == len(img.sections) {
		target = data[binary.LittleEndian.Uint64(data[40:]):]
	}
	for range 1 + random.IntN(4) {
		at := random.IntN(len(target))
		switch random.IntN(4) {
		case 0:
			target[at] ^= 1 << random.IntN(8)
		case 1:
			target[at] = byte(random.Uint32())
		case 2:
			target[at] = []byte{0, 0xff, 0x7f, 0x80, 1}[random.IntN(5)]
		case 3:
			if at+4 <= len(target) {
				binary.LittleEndian.PutUint32(target[at:], random.Uint32()>>random.IntN(32))
			}
		}
	}
	return data
}
