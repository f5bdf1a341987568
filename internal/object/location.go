package object

import (
	"debug/dwarf"
	"encoding/binary"
)

// maxLocations bounds the entries read of one location list.
const maxLocations = 4096

// Entries of a location list (DWARF 5, section 7.7.3).
const (
	lleEnd          = 0
	lleBaseAddressx = 1
	lleStartxEndx   = 2
	lleStartxLength = 3
	lleOffsetPair   = 4
	lleDefault      = 5
	lleBaseAddress  = 6
	lleStartEnd     = 7
	lleStartLength  = 8
)

// locations reads a variable's location attribute, a single expression or a
// list of them.
func (d *debugInfo) locations(s *scope, entry *dwarf.Entry) []location {
	field := entry.AttrField(dwarf.AttrLocation)
	if field == nil {
		return nil
	}
	switch value := field.Val.(type) {
	case []byte: // DW_FORM_exprloc: as long as the scope
		return []location{{low: 0, high: ^uint64(0), expression: value}}
	case uint64: // DW_FORM_loclistx
		table := d.raw[".debug_loclists"]
		place, ok := slice(table, s.unit.loclistsBase+4*value, 4)
		if !ok {
			return nil
		}
		return d.list5(s.unit, s.unit.loclistsBase+uint64(binary.LittleEndian.Uint32(place)))
	case int64: // DW_FORM_sec_offset
		if s.unit.version >= 5 {
			return d.list5(s.unit, uint64(value))
		}
		return d.list4(s.unit, uint64(value))
	}
	return nil
}

// list5 reads a list of .debug_loclists.
func (d *debugInfo) list5(u *unit, offset uint64) []location {
	table := d.raw[".debug_loclists"]
	if offset > uint64(len(table)) {
		return nil
	}
	in := &bytesReader{data: table[offset:]}
	base := u.low
	var list []location
	for range maxLocations {
		kind := in.byte()
		var l location
		switch kind {
		case lleEnd:
			return list
		case lleBaseAddressx:
			base = d.address(u, in.uleb())
			continue
		case lleBaseAddress:
			base = in.uint64()
			continue
		case lleStartxEndx:
			l.low, l.high = d.address(u, in.uleb()), d.address(u, in.uleb())
		case lleStartxLength:
			l.low = d.address(u, in.uleb())
			l.high = l.low + in.uleb()
		case lleOffsetPair:
			l.low, l.high = base+in.uleb(), base+in.uleb()
		case lleDefault:
			l.high = ^uint64(0)
		case lleStartEnd:
			l.low, l.high = in.uint64(), in.uint64()
		case lleStartLength:
			l.low = in.uint64()
			l.high = l.low + in.uleb()
		default:
			return list
		}
		l.expression = in.bytes(in.uleb())
		if in.failed {
			return list
		}
		list = append(list, l)
	}
	return list
}

// list4 reads a list of .debug_loc (DWARF 4, section 2.6.2).
func (d *debugInfo) list4(u *unit, offset uint64) []location {
	table := d.raw[".debug_loc"]
	if offset > uint64(len(table)) {
		return nil
	}
	in := &bytesReader{data: table[offset:]}
	base := u.low
	var list []location
	for range maxLocations {
		low, high := in.uint64(), in.uint64()
		if in.failed || (low == 0 && high == 0) {
			return list
		}
		if low == ^uint64(0) {
			base = high
			continue
		}
		l := location{low: base + low, high: base + high}
		l.expression = in.bytes(uint64(in.uint16()))
		if in.failed {
			return list
		}
		list = append(list, l)
	}
	return list
}

// address reads an entry of .debug_addr.
func (d *debugInfo) address(u *unit, index uint64) uint64 {
	place, ok := slice(d.raw[".debug_addr"], u.addrBase+8*index, 8)
	if !ok {
		return 0
	}
	return binary.LittleEndian.Uint64(place)
}

// A bytesReader takes numbers from the front of a slice. After the first one
// that is not there it gives zeros.
type bytesReader struct {
	data   []byte
	failed bool
}

func (r *bytesReader) bytes(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.failed, r.data = true, nil
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *bytesReader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *bytesReader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *bytesReader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *bytesReader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uleb reads an unsigned LEB128 number.
func (r *bytesReader) uleb() uint64 {
	var value uint64
	for shift := uint(0); ; shift += 7 {
		b := r.byte()
		if shift < 64 {
			value |= uint64(b&0x7f) << shift
		}
		if b&0x80 == 0 {
			return value
		}
	}
}

// sleb reads a signed LEB128 number.
func (r *bytesReader) sleb() int64 {
	var value int64
	for shift := uint(0); ; {
		b := r.byte()
		if shift < 64 {
			value |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 {
			if shift < 64 && b&0x40 != 0 {
				value |= -1 << shift
			}
			return value
		}
	}
}
