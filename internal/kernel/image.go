package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// maxImage bounds a compressed image. Debian's are about 14 MB.
	maxImage = 256 << 20
	// maxVMLinux bounds an unpacked one: 60 MB in Debian, far more with debug
	// information.
	maxVMLinux = 1 << 30
)

// Fields of the setup header: Documentation/arch/x86/boot.rst, "Details of
// Header Fields". Offsets are from the file's begin; all is little-endian.
const (
	setupSectorsAt  = 0x1f1
	bootFlagAt      = 0x1fe
	headerMagicAt   = 0x202
	protocolAt      = 0x206
	payloadOffsetAt = 0x248
	payloadLengthAt = 0x24c
	headerEnd       = 0x250

	bootFlag        = 0xaa55
	headerMagic     = "HdrS"
	protocolPayload = 0x0208 // from here on the header tells where the payload is
	sectorSize      = 512
)

var errNoImage = errors.New("no x86 kernel image")

// payload returns the compressed kernel in a bzImage. What it returns is a part
// of image.
func payload(image []byte) ([]byte, error) {
	if len(image) < headerEnd ||
		binary.LittleEndian.Uint16(image[bootFlagAt:]) != bootFlag ||
		string(image[headerMagicAt:headerMagicAt+4]) != headerMagic {
		return nil, fmt.Errorf("%w: there is no boot header", errNoImage)
	}
	if protocol := binary.LittleEndian.Uint16(image[protocolAt:]); protocol < protocolPayload {
		return nil, fmt.Errorf("%w: boot protocol %#x is older than Linux 2.6.26", errNoImage, protocol)
	}
	setupSectors := int64(image[setupSectorsAt])
	if setupSectors == 0 {
		setupSectors = 4 // boot.rst: for backwards compatibility
	}
	offset := (setupSectors+1)*sectorSize + int64(binary.LittleEndian.Uint32(image[payloadOffsetAt:]))
	length := int64(binary.LittleEndian.Uint32(image[payloadLengthAt:]))
	if offset+length > int64(len(image)) {
		return nil, fmt.Errorf("%w: its payload should end at byte %d, but the file has %d",
			errNoImage, offset+length, len(image))
	}
	return image[offset : offset+length], nil
}

// writeVMLinux unpacks an image (a bzImage, an ELF file, or either one
// compressed as a whole) and writes vmlinux, at most limit bytes.
func writeVMLinux(w io.Writer, image []byte, limit int64) error {
	written := &limitedWriter{w: w, left: limit}
	if _, err := codecOf(image); err == nil {
		return decompress(written, image)
	}
	packed, err := payload(image)
	if err != nil {
		return err
	}
	c, err := codecOf(packed)
	if err != nil {
		return fmt.Errorf("unpack the kernel: %w", err)
	}
	if !c.sized {
		return decompress(written, packed)
	}
	if len(packed) < 4 {
		return fmt.Errorf("unpack the kernel: %w", io.ErrUnexpectedEOF)
	}
	packed, trailer := packed[:len(packed)-4], packed[len(packed)-4:]
	if err := decompress(written, packed); err != nil {
		return fmt.Errorf("unpack the kernel: %w", err)
	}
	want, got := int64(binary.LittleEndian.Uint32(trailer)), limit-written.left
	if got != want {
		return fmt.Errorf("unpack the kernel: it should be %d bytes long, but is %d", want, got)
	}
	return nil
}

// readLimited reads a file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	var content bytes.Buffer
	if info.Size() <= limit {
		content.Grow(int(info.Size()) + bytes.MinRead)
	}
	n, err := io.Copy(&content, io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return content.Bytes(), nil
}
