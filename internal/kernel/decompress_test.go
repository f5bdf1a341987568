package kernel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

var update = flag.Bool("update", false, "write the test data anew")

// branches looks to the x86 filter like nothing but calls and jumps, many of
// them inside each other's operands.
func branches() []byte {
	random := rand.New(rand.NewPCG(6, 1))
	alphabet := []byte{0xe8, 0xe9, 0x00, 0xff, 0x01, 0x90}
	code := make([]byte, 12<<10)
	for i := range code {
		code[i] = alphabet[random.IntN(len(alphabet))]
	}
	return code
}

// packedWith runs a program that packs, if -update is given, and returns the
// test data.
func packedWith(t testing.TB, name string, content []byte, command ...string) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdin = bytes.NewReader(content)
		packed, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, packed, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func packGzip(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must[int](t)(w.Write(content))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packZstd(t testing.TB, content []byte) []byte {
	w := must[*zstd.Encoder](t)(zstd.NewWriter(nil))
	return w.EncodeAll(content, nil)
}

func packXZ(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w := must[*xz.Writer](t)(xz.NewWriter(&b))
	must[int](t)(w.Write(content))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packLZMA(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w := must[*lzma.Writer](t)(lzma.NewWriter(&b))
	must[int](t)(w.Write(content))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packLZ4Legacy(t testing.TB, content []byte) []byte {
	packed := []byte(lz4LegacyMagic)
	for len(content) > 0 {
		part := content[:min(len(content), lz4LegacyBlock)]
		content = content[len(part):]
		block := make([]byte, lz4.CompressBlockBound(len(part)))
		n := must[int](t)(lz4.CompressBlock(part, block, nil))
		packed = binary.LittleEndian.AppendUint32(packed, uint32(n))
		packed = append(packed, block[:n]...)
	}
	return packed
}

func TestDecompress(t *testing.T) {
	code := branches()
	large := bytes.Repeat(code, 2*lz4LegacyBlock/len(code)+1)
	elf := append([]byte(elfMagic), code...)
	for _, test := range []struct {
		name   string
		packed []byte
		want   []byte
	}{
		{"plain", elf, elf},
		{"gzip", packGzip(t, code), code},
		{"gzip, padded", append(packGzip(t, code), 0, 0, 0), code},
		{"zstd", packZstd(t, code), code},
		{"lzma", packLZMA(t, code), code},
		{"lz4", packLZ4Legacy(t, code), code},
		{"lz4, three blocks", packLZ4Legacy(t, large), large},
		{"xz", packXZ(t, code), code},
		{"xz of the kernel's build", packedWith(t, "branches.xz", code,
			"xz", "--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c"), code},
		{"xz in blocks", packedWith(t, "branches.blocks.xz", code,
			"xz", "--block-size=1001", "-T2", "--check=crc64", "--x86", "--lzma2=preset=0", "-c"), code},
		{"bzip2", packedWith(t, "branches.bz2", code, "bzip2", "-c"), code},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := decompress(&limitedWriter{w: &out, left: int64(len(test.want))}, test.packed); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), test.want) {
				t.Error("other bytes came out than went in")
			}
			err := decompress(&limitedWriter{w: &bytes.Buffer{}, left: int64(len(test.want)) - 1}, test.packed)
			if !errors.Is(err, errTooLarge) {
				t.Errorf("one byte over the limit: %v", err)
			}
			out.Reset()
			err = decompress(&out, test.packed[:len(test.packed)/2])
			if err == nil && !bytes.HasPrefix(test.packed, []byte(elfMagic)) {
				t.Error("half of it was taken for whole")
			}
		})
	}
}

func TestDecompressRefuses(t *testing.T) {
	broken := packedWith(t, "branches.xz", branches(), "xz", "--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c")
	broken = bytes.Clone(broken)
	broken[len(broken)-36]++ // the block's CRC32, before the index and the footer
	for name, packed := range map[string][]byte{
		"nothing":                  nil,
		"text":                     []byte("#!/bin/sh\n"),
		"xz with a wrong checksum": broken,
		"lzma with a huge window":  append([]byte{0x5d, 0, 0, 0, 0xff}, make([]byte, 32)...),
		"lz4 with a huge block":    []byte(lz4LegacyMagic + "\xff\xff\xff\xff....."),
		"zstd with a huge window":  []byte("\x28\xb5\x2f\xfd\x00\xf8\x00\x00\x00\x00"),
	} {
		if err := decompress(&bytes.Buffer{}, packed); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzDecompress(f *testing.F) {
	code := branches()[:2000]
	f.Add([]byte(elfMagic))
	for _, pack := range []func(testing.TB, []byte) []byte{packGzip, packZstd, packXZ, packLZMA, packLZ4Legacy} {
		f.Add(pack(f, code))
	}
	for _, name := range []string{"branches.xz", "branches.blocks.xz", "branches.bz2"} {
		f.Add(must[[]byte](f)(os.ReadFile(filepath.Join("testdata", name))))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		var out bytes.Buffer
		const limit = 1 << 20
		_ = decompress(&limitedWriter{w: &out, left: limit}, packed)
		if out.Len() > limit {
			t.Errorf("%d bytes came out", out.Len())
		}
	})
}

// The filter must convert alike however the bytes are cut.
func FuzzX86Filter(f *testing.F) {
	f.Add(branches()[:64], uint8(7))
	f.Fuzz(func(t *testing.T, code []byte, cut uint8) {
		var whole, parts bytes.Buffer
		filter := &x86Filter{w: &whole}
		must[int](t)(filter.Write(bytes.Clone(code)))
		if err := filter.flush(); err != nil {
			t.Fatal(err)
		}
		filter = &x86Filter{w: &parts}
		for rest := bytes.Clone(code); len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			must[int](t)(filter.Write(rest[:n]))
			rest = rest[n:]
		}
		if err := filter.flush(); err != nil {
			t.Fatal(err)
		}
		if whole.Len() != len(code) || !bytes.Equal(whole.Bytes(), parts.Bytes()) {
			t.Errorf("% x in one piece, % x in pieces of %d", whole.Bytes(), parts.Bytes(), int(cut)+1)
		}
	})
}
