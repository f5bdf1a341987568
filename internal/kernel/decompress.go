package kernel

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// maxWindow bounds the memory for a decoder's dictionary. The kernel packs
// itself with windows of up to 128 MiB (scripts/Makefile.lib, zstd22 and
// xz_wrap.sh).
const maxWindow = 128 << 20

var (
	errTooLarge      = errors.New("it decompresses to more than the limit")
	errUnknownFormat = errors.New("it is neither ELF nor in a compression that a kernel uses")
)

// codec is a way in which a kernel or a module is packed.
type codec struct {
	name   string
	magic  string
	decode func(w io.Writer, packed []byte) error
	// sized: the kernel's build appends the unpacked size as u32 in
	// little-endian order (size_append in scripts/Makefile.lib).
	sized bool
}

// codecs are those of CONFIG_KERNEL_* in arch/x86/Kconfig, without LZO, which
// no distribution chose.
var codecs = []codec{
	{name: "ELF", magic: elfMagic, decode: copyPlain},
	{name: "gzip", magic: "\x1f\x8b\x08", decode: decodeGzip},
	{name: "xz", magic: xzMagic, decode: decodeXZ, sized: true},
	{name: "zstd", magic: "\x28\xb5\x2f\xfd", decode: decodeZstd, sized: true},
	{name: "lz4", magic: lz4LegacyMagic, decode: decodeLZ4Legacy, sized: true},
	{name: "bzip2", magic: "BZh", decode: decodeBzip2, sized: true},
	{name: "lzma", magic: "\x5d\x00\x00", decode: decodeLZMA, sized: true},
}

func codecOf(packed []byte) (codec, error) {
	for _, c := range codecs {
		if bytes.HasPrefix(packed, []byte(c.magic)) {
			return c, nil
		}
	}
	return codec{}, errUnknownFormat
}

// decompress writes what packed unpacks to. The writer sets the limit.
func decompress(w io.Writer, packed []byte) error {
	c, err := codecOf(packed)
	if err != nil {
		return err
	}
	if err := c.decode(w, packed); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// limitedWriter fails as soon as more than left bytes are written.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		return 0, errTooLarge
	}
	n, err := l.w.Write(p)
	l.left -= int64(n)
	return n, err
}

func copyPlain(w io.Writer, packed []byte) error {
	_, err := w.Write(packed)
	return err
}

func decodeGzip(w io.Writer, packed []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	// What follows the member is none of ours: boot images are padded.
	r.Multistream(false)
	_, err = io.Copy(w, r)
	return err
}

func decodeBzip2(w io.Writer, packed []byte) error {
	_, err := io.Copy(w, bzip2.NewReader(bytes.NewReader(packed)))
	return err
}

func decodeZstd(w io.Writer, packed []byte) error {
	r, err := zstd.NewReader(bytes.NewReader(packed),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxVMLinux))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// decodeLZMA takes the format before xz: properties, dictionary size as u32 and
// unpacked size as u64, both little-endian, then the data.
func decodeLZMA(w io.Writer, packed []byte) error {
	if len(packed) < lzma.HeaderLen {
		return io.ErrUnexpectedEOF
	}
	if window := binary.LittleEndian.Uint32(packed[1:]); window > maxWindow {
		return fmt.Errorf("its window of %d bytes is over the limit of %d", window, maxWindow)
	}
	r, err := lzma.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

const (
	lz4LegacyMagic = "\x02\x21\x4c\x18"
	lz4LegacyBlock = 8 << 20
)

// decodeLZ4Legacy takes the legacy frame, which `lz4 -l` writes: after the magic
// number, blocks of a u32 length in little-endian order and the data, each of
// which unpacks to at most 8 MiB on its own.
func decodeLZ4Legacy(w io.Writer, packed []byte) error {
	packed = packed[len(lz4LegacyMagic):]
	var block []byte
	for len(packed) > 0 {
		if len(packed) < 4 {
			return io.ErrUnexpectedEOF
		}
		size := uint64(binary.LittleEndian.Uint32(packed))
		packed = packed[4:]
		if size > uint64(len(packed)) {
			return fmt.Errorf("a block of %d bytes where %d are left: %w", size, len(packed), io.ErrUnexpectedEOF)
		}
		if block == nil {
			block = make([]byte, lz4LegacyBlock)
		}
		n, err := lz4.UncompressBlock(packed[:size], block)
		if err != nil {
			return err
		}
		if _, err := w.Write(block[:n]); err != nil {
			return err
		}
		packed = packed[size:]
	}
	return nil
}
