package run

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cilium/ebpf/btf"
	"github.com/skep-dev/skep/btfvalue"
	"github.com/skep-dev/skep/internal/object"
	"github.com/skep-dev/skep/internal/wire"
	"golang.org/x/sys/unix"
)

// isShowMap tells the maps of skep.h from the user's.
func isShowMap(name string) bool { return name == object.ShowMap || name == object.LostMap }

// Offsets in struct skep_record, in bytes; see internal/compile/include/skep.h.
const (
	showSiteAt   = 8
	showLengthAt = 16
	showErrorAt  = 20
	showHeader   = 24
)

// showErrors are what a record's error may say.
var showErrors = map[unix.Errno]string{
	unix.EFAULT: "the memory could not be read",
	unix.E2BIG:  "only the first 4096 bytes are shown",
	unix.EINVAL: "the length was negative",
}

// showRecord translates a record of skep.h's ring buffer. Its header comes
// from the program and its site must be one of the object's.
func (t *translator) showRecord(data []byte) error {
	if len(data) < showHeader {
		return fmt.Errorf("%w: a record of skep.h of %d bytes", wire.ErrFrame, len(data))
	}
	id := order.Uint32(data[showSiteAt:])
	length := int(order.Uint32(data[showLengthAt:]))
	value := data[showHeader:]
	value = value[:min(max(length, 0), len(value))]
	site, ok := t.program.shows[id]
	if !ok {
		t.stream.emit(Log{From: "loader", Text: fmt.Sprintf("a record of skep.h from site %d, which the object does not have", id)})
		return nil
	}
	show := Show{
		Submitted: site.Kind.Submits(), Line: site.Line, Column: site.Column,
		Expression: site.Expression, TypeName: typeName(site.Type), Bytes: value,
	}
	if number := int32(order.Uint32(data[showErrorAt:])); number != 0 {
		show.Error = showError(number)
	}
	show.Value, show.Text = showValue(site, value)
	t.stream.emit(show)
	return nil
}

func showError(number int32) string {
	errno := unix.Errno(-number)
	if text, ok := showErrors[errno]; ok {
		return text
	}
	return "error " + strconv.Itoa(int(number))
}

// showValue decodes what a site showed.
func showValue(site object.ShowSite, data []byte) (value any, text string) {
	if !site.Kind.Text() {
		return decodeOne(site.Type, data)
	}
	// Text is an array of char whose length is only known now.
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Char}
	v, err := btfvalue.Decode(&btf.Array{Type: char, Nelems: uint32(len(data))}, order, data)
	if err != nil {
		return data, hexText(data)
	}
	return v, v.String()
}

// lostShows reports how many records of skep.h found no room.
func (t *translator) lostShows(e wire.Entries) error {
	for _, entry := range e.Entries {
		if len(entry.Value) < 8 {
			return errors.Join(wire.ErrFrame, errors.New("the counter of skep.h is too short"))
		}
		if n := order.Uint64(entry.Value); n > 0 {
			t.stream.emit(Lost{Map: object.ShowMap, Count: n})
		}
	}
	return nil
}
