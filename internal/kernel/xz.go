package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// The kernel's build packs images with the x86 branch filter before LZMA2
// (scripts/xz_wrap.sh), which ulikunitz/xz refuses. So the container is read
// here, and the library decodes the LZMA2 data. Layout: tukaani.org's
// "The .xz File Format", version 1.2.1.
const (
	xzMagic           = "\xfd7zXZ\x00"
	xzStreamHeader    = 12
	xzFilterX86       = 0x04
	xzFilterLZMA2     = 0x21
	xzCheckCRC32      = 1
	xzMaxDictionaryID = 40
)

var errXZ = errors.New("malformed stream")

// xzCheckSizes has the bytes of each check's value by its number.
var xzCheckSizes = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// decodeXZ unpacks the blocks of one stream. Of the checks it verifies CRC32,
// the only one that the kernel's own decoder knows.
func decodeXZ(w io.Writer, packed []byte) error {
	if len(packed) < xzStreamHeader {
		return io.ErrUnexpectedEOF
	}
	flags := packed[6:8]
	if flags[0] != 0 || flags[1] > 15 || crc32.ChecksumIEEE(flags) != binary.LittleEndian.Uint32(packed[8:]) {
		return fmt.Errorf("%w: bad stream flags", errXZ)
	}
	check := flags[1]
	in := bytes.NewReader(packed)
	if _, err := in.Seek(xzStreamHeader, io.SeekStart); err != nil {
		return err
	}
	for {
		size, err := in.ReadByte()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		if size == 0 { // the index begins: no more blocks
			return nil
		}
		header := make([]byte, (int(size)+1)*4)
		header[0] = size
		if _, err := io.ReadFull(in, header[1:]); err != nil {
			return io.ErrUnexpectedEOF
		}
		block, err := parseXZBlock(header)
		if err != nil {
			return err
		}
		if err := block.decode(w, in, check); err != nil {
			return err
		}
	}
}

// xzBlock is what a block header says about its data.
type xzBlock struct {
	x86    bool
	window int
}

func parseXZBlock(header []byte) (xzBlock, error) {
	body := header[:len(header)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(header[len(body):]) {
		return xzBlock{}, fmt.Errorf("%w: bad block header", errXZ)
	}
	flags := body[1]
	fields := bytes.NewReader(body[2:])
	for _, present := range []byte{0x40, 0x80} { // packed size, unpacked size
		if flags&present != 0 {
			if _, err := binary.ReadUvarint(fields); err != nil {
				return xzBlock{}, fmt.Errorf("%w: bad size in a block header", errXZ)
			}
		}
	}
	var block xzBlock
	for i, last := 0, int(flags&3); i <= last; i++ {
		id, properties, err := readXZFilter(fields)
		if err != nil {
			return xzBlock{}, err
		}
		switch {
		case id == xzFilterX86 && i == 0 && last == 1 && len(properties) == 0:
			block.x86 = true
		case id == xzFilterLZMA2 && i == last && len(properties) == 1:
			block.window, err = xzWindow(properties[0])
			if err != nil {
				return xzBlock{}, err
			}
		default:
			return xzBlock{}, fmt.Errorf("%w: filter %#x is not one of a kernel", errXZ, id)
		}
	}
	return block, nil
}

func readXZFilter(fields *bytes.Reader) (id uint64, properties []byte, err error) {
	id, err = binary.ReadUvarint(fields)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: bad filter", errXZ)
	}
	size, err := binary.ReadUvarint(fields)
	if err != nil || size > uint64(fields.Len()) {
		return 0, nil, fmt.Errorf("%w: bad filter properties", errXZ)
	}
	properties = make([]byte, size)
	_, err = io.ReadFull(fields, properties)
	return id, properties, err
}

// xzWindow decodes LZMA2's dictionary size: mantissa 2 or 3, exponent from 11.
func xzWindow(property byte) (int, error) {
	if property > xzMaxDictionaryID {
		return 0, fmt.Errorf("%w: bad window", errXZ)
	}
	window := uint64(2|property&1) << (property/2 + 11)
	if window > maxWindow {
		return 0, fmt.Errorf("its window of %d bytes is over the limit of %d", window, maxWindow)
	}
	return int(window), nil
}

func (b xzBlock) decode(w io.Writer, in *bytes.Reader, check byte) error {
	start := in.Len()
	// The reader takes in as an io.ByteReader and so no byte too many.
	data, err := lzma.Reader2Config{DictCap: max(b.window, lzma.MinDictCap)}.NewReader2(in)
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	out := io.MultiWriter(w, sum)
	if b.x86 {
		filter := &x86Filter{w: out}
		if _, err := io.Copy(filter, data); err != nil {
			return err
		}
		err = filter.flush()
	} else {
		_, err = io.Copy(out, data)
	}
	if err != nil {
		return err
	}
	padding := (4 - (start-in.Len())%4) % 4
	trailer := make([]byte, padding+xzCheckSizes[check])
	if _, err := io.ReadFull(in, trailer); err != nil {
		return io.ErrUnexpectedEOF
	}
	if check == xzCheckCRC32 && binary.LittleEndian.Uint32(trailer[padding:]) != sum.Sum32() {
		return fmt.Errorf("%w: the checksum is wrong", errXZ)
	}
	return nil
}

// x86Filter undoes the branch filter: the absolute targets of CALL (E8) and JMP
// (E9) that the packer wrote become relative again. What it does to overlapping
// candidates is defined by the original code alone: lib/xz/xz_dec_bcj.c,
// bcj_x86.
type x86Filter struct {
	w        io.Writer
	held     []byte // not converted yet: a branch may begin in its last 4 bytes
	position uint32 // of held's first byte
	// recent has a bit for each of the three bytes before held: was it an
	// opcode that was looked at and left alone?
	recent uint32
}

// x86Branch is an opcode and its 32-bit operand.
const x86Branch = 5

func (f *x86Filter) Write(p []byte) (int, error) {
	f.held = append(f.held, p...)
	done := f.convert()
	if _, err := f.w.Write(f.held[:done]); err != nil {
		return 0, err
	}
	f.held = append(f.held[:0], f.held[done:]...)
	f.position += uint32(done)
	return len(p), nil
}

func (f *x86Filter) flush() error {
	_, err := f.w.Write(f.held)
	f.held = nil
	return err
}

// convert changes held in place and returns how much of it is final.
func (f *x86Filter) convert() int {
	i := 0
	for i+x86Branch <= len(f.held) {
		if f.held[i]&0xfe != 0xe8 {
			f.recent = f.recent << 1 & 7
			i++
			continue
		}
		if !f.convertible(i) {
			f.recent = (f.recent<<1 | 1) & 7
			i++
			continue
		}
		f.convertOperand(i)
		f.recent = 0
		i += x86Branch
	}
	return i
}

// signByte: the top byte of an operand that the filter touches is 00 or FF.
func signByte(b byte) bool { return b == 0x00 || b == 0xff }

// convertible says whether the packer converted the branch at i. It left those
// alone that begin in what might be the operand of an opcode shortly before.
func (f *x86Filter) convertible(i int) bool {
	if !signByte(f.held[i+4]) {
		return false
	}
	switch f.recent {
	case 0:
		return true
	case 1, 2, 4:
		return !signByte(f.held[i+4-x86OpcodeDistance(f.recent)])
	default:
		return false
	}
}

// x86OpcodeDistance is how many bytes before the branch the only recent opcode
// lies.
func x86OpcodeDistance(recent uint32) int {
	switch recent {
	case 1:
		return 1
	case 2:
		return 2
	default:
		return 3
	}
}

func (f *x86Filter) convertOperand(i int) {
	operand := f.held[i+1 : i+x86Branch]
	target := binary.LittleEndian.Uint32(operand)
	next := f.position + uint32(i) + x86Branch
	var relative uint32
	for {
		relative = target - next
		if f.recent == 0 {
			break
		}
		shift := 24 - 8*x86OpcodeDistance(f.recent)
		if !signByte(byte(relative >> shift)) {
			break
		}
		target = relative ^ (1<<(shift+8) - 1)
	}
	relative &= 0x01ffffff
	relative |= -(relative & 0x01000000) // sign-extend from bit 24
	binary.LittleEndian.PutUint32(operand, relative)
}
