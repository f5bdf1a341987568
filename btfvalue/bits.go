package btfvalue

import (
	"encoding/binary"
	"math"
)

// isBig also places binary.NativeEndian, which is equal to neither order.
func isBig(order binary.ByteOrder) bool {
	return order.Uint16([]byte{0, 1}) == 1
}

// readBits reads an unsigned number of size bits (1 to 128) that begins at bit
// offset off. ok is false if the data ends before its end.
func readBits(data []byte, big bool, off uint64, size uint) (hi, lo uint64, ok bool) {
	if size == 0 || size > 128 || off+uint64(size) > 8*uint64(len(data)) {
		return 0, 0, false
	}
	if off%8 == 0 && size%8 == 0 && size <= 64 {
		return 0, readBytes(data[off/8:][:size/8], big), true
	}
	for got := uint(0); got < size; {
		room := 8 - uint(off%8)
		take := min(room, size-got)
		part := uint64(data[off/8])
		if big {
			part = part >> (room - take) & (1<<take - 1)
			hi, lo = hi<<take|lo>>(64-take), lo<<take|part
		} else {
			part = part >> (off % 8) & (1<<take - 1)
			lo |= part << got
			if got >= 64 {
				hi |= part << (got - 64)
			} else {
				hi |= part >> (64 - got)
			}
		}
		got += take
		off += uint64(take)
	}
	return hi, lo, true
}

func readBytes(b []byte, big bool) (n uint64) {
	switch {
	case len(b) == 4 && !big:
		return uint64(binary.LittleEndian.Uint32(b))
	case len(b) == 8 && !big:
		return binary.LittleEndian.Uint64(b)
	case big:
		for _, c := range b {
			n = n<<8 | uint64(c)
		}
	default:
		for i := len(b) - 1; i >= 0; i-- {
			n = n<<8 | uint64(b[i])
		}
	}
	return n
}

// writeBits is the inverse of readBits. The caller has checked the range.
func writeBits(data []byte, big bool, off uint64, size uint, hi, lo uint64) {
	for put := uint(0); put < size; {
		room := 8 - uint(off%8)
		take := min(room, size-put)
		from := put // index of the part's lowest bit in the number
		shift := uint(off % 8)
		if big {
			from = size - put - take
			shift = room - take
		}
		part := hi >> (from - 64)
		if from < 64 {
			part = lo>>from | hi<<(64-from)
		}
		mask := byte(1<<take-1) << shift
		data[off/8] = data[off/8]&^mask | byte(part<<shift)&mask
		put += take
		off += uint64(take)
	}
}

// extend copies the sign bit of a number of size bits upwards to 128 bits.
func extend(hi, lo uint64, size uint) (uint64, uint64) {
	switch {
	case size < 64:
		lo = uint64(int64(lo<<(64-size)) >> (64 - size))
		return uint64(int64(lo) >> 63), lo
	case size == 64:
		return uint64(int64(lo) >> 63), lo
	case size < 128:
		return uint64(int64(hi<<(128-size)) >> (128 - size)), lo
	default:
		return hi, lo
	}
}

// floatBits widens an IEEE 754 number of 2, 4 or 8 bytes to float64 bits.
func floatBits(raw uint64, size uint32) uint64 {
	switch size {
	case 2:
		return math.Float64bits(half(uint16(raw)))
	case 4:
		return math.Float64bits(float64(math.Float32frombits(uint32(raw))))
	default:
		return raw
	}
}

// half reads an IEEE 754 binary16: 1 bit sign, 5 bits exponent, 10 bits fraction.
func half(raw uint16) float64 {
	exponent, fraction := int(raw>>10&31), float64(raw&0x3ff)
	f := math.Ldexp(fraction, -24) // subnormal
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		f = math.Inf(1)
	case exponent != 0:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if raw>>15 != 0 {
		return -f
	}
	return f
}
