package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"
)

// testELF is the shape of an ELF file that a test asks for.
type testELF struct {
	machine  elf.Machine
	sections []testSection
	noPVH    bool
}

type testSection struct {
	name    string
	content []byte
}

// bytes lays out: header, one PT_NOTE, the note, the sections' contents, their
// names, the section headers.
func (e testELF) bytes(t testing.TB) []byte {
	t.Helper()
	const headerSize, programSize, sectionSize = 64, 56, 64
	var note bytes.Buffer
	if !e.noPVH {
		for _, word := range []uint32{4, 4, notePVHEntry} {
			must[int](t)(note.Write(binary.LittleEndian.AppendUint32(nil, word)))
		}
		note.WriteString("Xen\x00\x00\x00\x00\x01")
	}
	var content bytes.Buffer
	content.Write(make([]byte, headerSize+programSize))
	content.Write(note.Bytes())
	names := "\x00"
	headers := []elf.Section64{{}}
	for _, section := range append(e.sections, testSection{name: ".shstrtab"}) {
		header := elf.Section64{Name: uint32(len(names)), Type: uint32(elf.SHT_PROGBITS), Off: uint64(content.Len())}
		names += section.name + "\x00"
		if section.name == ".shstrtab" {
			header.Type = uint32(elf.SHT_STRTAB)
			section.content = []byte(names)
		}
		header.Size = uint64(len(section.content))
		content.Write(section.content)
		headers = append(headers, header)
	}
	machine := e.machine
	if machine == elf.EM_NONE {
		machine = elf.EM_X86_64
	}
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Ehsize: headerSize, Phentsize: programSize, Phnum: 1,
		Shoff: uint64(content.Len()), Shentsize: sectionSize,
		Shnum: uint16(len(headers)), Shstrndx: uint16(len(headers) - 1),
	}
	copy(header.Ident[:], elfMagic)
	header.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	program := elf.Prog64{
		Type: uint32(elf.PT_NOTE), Off: headerSize + programSize,
		Filesz: uint64(note.Len()), Memsz: uint64(note.Len()),
	}
	var head bytes.Buffer
	for _, part := range []any{header, program} {
		if err := binary.Write(&head, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := binary.Write(&content, binary.LittleEndian, headers); err != nil {
		t.Fatal(err)
	}
	copy(content.Bytes(), head.Bytes())
	return content.Bytes()
}

const testRelease = "6.1.0-99-test-amd64"

func banner(release string) testSection {
	return testSection{".rodata", []byte("\x00\x00Linux version " + release + " (somebody@somewhere) (gcc)\n\x00")}
}

// emptyBTF is a header (include/uapi/linux/btf.h) without types and with the
// empty string.
var emptyBTF = []byte{
	0x9f, 0xeb, 1, 0, 24, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, // types: offset and length
	0, 0, 0, 0, 1, 0, 0, 0, // strings: offset and length
	0,
}

func testVMLinux(t testing.TB, release string) []byte {
	return testELF{sections: []testSection{banner(release), {".BTF", emptyBTF}}}.bytes(t)
}

// bzImage puts a payload behind two sectors of setup.
func bzImage(payload []byte) []byte {
	const setup, gap = 2, 16
	image := make([]byte, (setup+1)*sectorSize+gap)
	image[setupSectorsAt] = setup
	binary.LittleEndian.PutUint16(image[bootFlagAt:], bootFlag)
	copy(image[headerMagicAt:], headerMagic)
	binary.LittleEndian.PutUint16(image[protocolAt:], 0x020f)
	binary.LittleEndian.PutUint32(image[payloadOffsetAt:], gap)
	binary.LittleEndian.PutUint32(image[payloadLengthAt:], uint32(len(payload)))
	image = append(image, payload...)
	return append(image, "the signature"...)
}

// sized appends the unpacked size, as the kernel's build does.
func sized(packed []byte, size int) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(packed), uint32(size))
}

func TestWriteVMLinux(t *testing.T) {
	want := testVMLinux(t, testRelease)
	for name, image := range map[string][]byte{
		"vmlinux":              want,
		"vmlinux.gz":           packGzip(t, want),
		"vmlinux.xz":           packXZ(t, want),
		"bzImage, plain":       bzImage(want),
		"bzImage, gzip":        bzImage(packGzip(t, want)),
		"bzImage, xz":          bzImage(sized(packXZ(t, want), len(want))),
		"bzImage, zstd":        bzImage(sized(packZstd(t, want), len(want))),
		"bzImage, lzma":        bzImage(sized(packLZMA(t, want), len(want))),
		"bzImage, lz4":         bzImage(sized(packLZ4Legacy(t, want), len(want))),
		"bzImage, default set": defaultSetup(bzImage(want)),
	} {
		var out bytes.Buffer
		if err := writeVMLinux(&out, image, int64(len(want))); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: other bytes came out", name)
		}
	}
}

// defaultSetup leaves the number of setup sectors out, which means four.
func defaultSetup(image []byte) []byte {
	image[setupSectorsAt] = 0
	cut := 3 * sectorSize
	return append(append(bytes.Clone(image[:cut]), make([]byte, 2*sectorSize)...), image[cut:]...)
}

func TestWriteVMLinuxRefuses(t *testing.T) {
	whole := testVMLinux(t, testRelease)
	image := func(change func([]byte)) []byte {
		image := bzImage(sized(packZstd(t, whole), len(whole)))
		change(image)
		return image
	}
	for name, test := range map[string]struct {
		image []byte
		says  string
	}{
		"an empty file":       {nil, "no boot header"},
		"a text":              {[]byte(strings.Repeat("Linux ", 200)), "no boot header"},
		"an old protocol":     {image(func(b []byte) { b[protocolAt] = 7 }), "older than Linux 2.6.26"},
		"a cut image":         {image(func([]byte) {})[:1600], "the file has 1600"},
		"a far payload":       {image(func(b []byte) { b[payloadOffsetAt+3] = 0xff }), "should end at"},
		"a long payload":      {image(func(b []byte) { b[payloadLengthAt+3] = 0xff }), "should end at"},
		"an unknown payload":  {bzImage([]byte("\x89LZO.........")), "neither ELF nor"},
		"a wrong size behind": {bzImage(sized(packZstd(t, whole), len(whole)+1)), "bytes long"},
		"a bomb":              {bzImage(sized(packZstd(t, make([]byte, 1<<24)), 1<<24)), errTooLarge.Error()},
	} {
		var out bytes.Buffer
		err := writeVMLinux(&out, test.image, 1<<20)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
		if out.Len() > 1<<20 {
			t.Errorf("%s: %d bytes came out", name, out.Len())
		}
	}
}

func TestInspect(t *testing.T) {
	btf := testSection{".BTF", emptyBTF}
	// The banner crosses the border of two reads.
	far := testSection{".text", make([]byte, 1<<20-200)}
	for name, test := range map[string]struct {
		elf  testELF
		says string
	}{
		"fine":          {testELF{sections: []testSection{banner(testRelease), btf}}, ""},
		"far banner":    {testELF{sections: []testSection{far, banner(testRelease), btf}}, ""},
		"another arch":  {testELF{machine: elf.EM_AARCH64, sections: []testSection{banner(testRelease), btf}}, "EM_AARCH64"},
		"no PVH":        {testELF{noPVH: true, sections: []testSection{banner(testRelease), btf}}, "CONFIG_PVH=y"},
		"no BTF":        {testELF{sections: []testSection{banner(testRelease)}}, "CONFIG_DEBUG_INFO_BTF=y"},
		"no banner":     {testELF{sections: []testSection{btf}}, "no banner"},
		"a path inside": {testELF{sections: []testSection{banner("6.1/../../etc"), btf}}, "no banner"},
		"no series":     {testELF{sections: []testSection{banner("6"), btf}}, "no kernel release"},
	} {
		raw := test.elf.bytes(t)
		v, err := inspect(bytes.NewReader(raw), int64(len(raw)))
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || v.release != testRelease || v.series != "6.1" || !bytes.Equal(v.btf, emptyBTF) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

func FuzzWriteVMLinux(f *testing.F) {
	whole := testVMLinux(f, testRelease)
	f.Add(bzImage(whole))
	f.Add(bzImage(packGzip(f, whole)))
	f.Add(bzImage(sized(packZstd(f, whole), len(whole))))
	f.Add(bzImage(sized(packLZ4Legacy(f, whole), len(whole))))
	f.Fuzz(func(t *testing.T, image []byte) {
		const limit = 1 << 20
		var out bytes.Buffer
		err := writeVMLinux(&out, image, limit)
		if out.Len() > limit {
			t.Fatalf("%d bytes came out", out.Len())
		}
		if err == nil {
			_, _ = inspect(bytes.NewReader(out.Bytes()), int64(out.Len()))
		}
	})
}

func FuzzInspect(f *testing.F) {
	f.Add(testVMLinux(f, testRelease))
	f.Add(testELF{noPVH: true, sections: []testSection{banner(testRelease)}}.bytes(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v, err := inspect(bytes.NewReader(raw), int64(len(raw))); err == nil && strings.Contains(v.release, "/") {
			t.Errorf("the release %q is a path", v.release)
		}
		_, _ = moduleDepends(raw)
	})
}
