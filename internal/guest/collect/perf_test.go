//go:build linux

package collect

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// perfRecord is a record as the kernel writes it.
func perfRecord(kind uint32, body []byte) []byte {
	record := binary.NativeEndian.AppendUint32(nil, kind)
	record = binary.NativeEndian.AppendUint16(record, 0)
	record = binary.NativeEndian.AppendUint16(record, uint16(perfHeader+len(body)))
	return append(record, body...)
}

func perfSampleOf(data string) []byte {
	body := binary.NativeEndian.AppendUint32(nil, uint32(len(data)))
	return perfRecord(perfSample, append(body, data...))
}

// TestPerfBuffer: records go on at the beginning of the ring, others than
// samples are passed over, and nothing is read that is not there.
func TestPerfBuffer(t *testing.T) {
	page := &unix.PerfEventMmapPage{Data_head: 40, Data_tail: 40}
	b := &perfBuffer{page: page, ring: make([]byte, 64)}
	write := func(record []byte) {
		for i, c := range record {
			b.ring[(page.Data_head+uint64(i))%uint64(len(b.ring))] = c
		}
		page.Data_head += uint64(len(record))
	}
	lost := perfRecord(perfLost, append(make([]byte, 8), 7, 0, 0, 0, 0, 0, 0, 0))
	for _, data := range []string{"abcd", "efghijklmnop", "qrst"} {
		if _, ok := b.sample(); ok {
			t.Error("a sample that is not there")
		}
		write(lost)
		write(perfSampleOf(data))
		if got, ok := b.sample(); !ok || string(got) != data {
			t.Errorf("%q %v, want %q", got, ok, data)
		}
	}
	if b.noted != 21 || page.Data_tail != page.Data_head {
		t.Errorf("%d lost, read up to %d of %d", b.noted, page.Data_tail, page.Data_head)
	}

	write(perfSampleOf("abcd"))
	write([]byte{perfSample, 0, 0, 0, 0, 0, 255, 255}) // longer than what there is
	if got, ok := b.sample(); !ok || string(got) != "abcd" {
		t.Errorf("%q %v", got, ok)
	}
	if _, ok := b.sample(); ok || page.Data_tail != page.Data_head {
		t.Errorf("a sample without its data, read up to %d of %d", page.Data_tail, page.Data_head)
	}
}
