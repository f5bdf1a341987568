//go:build linux

package attach

import (
	"encoding/binary"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseArgument(t *testing.T) {
	for text, want := range map[string]argument{
		"-4@$5":               {value: 5, kind: usdtConstant, signed: true, shift: 32},
		"8@$-1":               {value: ^uint64(0), kind: usdtConstant},
		"8@%rax":              {kind: usdtRegister, register: 80},
		"-4@%r8d":             {kind: usdtRegister, register: 72, signed: true, shift: 32},
		"1@%dil":              {kind: usdtRegister, register: 112, shift: 56},
		"-2@-12(%rbp)":        {value: ^uint64(11), kind: usdtMemory, register: 32, signed: true, shift: 48},
		"8@(%rsp)":            {kind: usdtMemory, register: 152},
		"4@0x10(%rip)":        {value: 16, kind: usdtMemory, register: 128, shift: 32},
		"-1@127(%r15)":        {value: 127, kind: usdtMemory, signed: true, shift: 56},
		"8@%r10":              {kind: usdtRegister, register: 56},
		"-8@-2147483648(%r9)": {value: ^uint64(2147483647), kind: usdtMemory, register: 64, signed: true},
	} {
		got, err := parseArgument(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "8", "@%rax", "3@%rax", "8f@%xmm0", "8@%xmm0", "8@name(%rip)", "8@(%rdi,%rsi,4)", "8@$", "8@%", "8@rax",
	} {
		if got, err := parseArgument(text); err == nil {
			t.Errorf("%s: %+v, want an error", text, got)
		}
	}
}

func TestSpecHasTooManyArguments(t *testing.T) {
	if _, err := (probe{arguments: strings.Repeat("8@%rax ", usdtMaxArguments+1)}).spec(); err == nil {
		t.Error("want an error")
	}
}

// note encodes one note as the assembler writes it.
func note(owner string, kind uint32, desc []byte) []byte {
	order := binary.LittleEndian
	out := order.AppendUint32(nil, uint32(len(owner)))
	out = order.AppendUint32(out, uint32(len(desc)))
	out = order.AppendUint32(out, kind)
	for _, part := range [][]byte{[]byte(owner), desc} {
		out = append(out, part...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	return out
}

func description(address, base, semaphore uint64, texts string) []byte {
	order := binary.LittleEndian
	out := order.AppendUint64(nil, address)
	out = order.AppendUint64(out, base)
	out = order.AppendUint64(out, semaphore)
	return append(out, texts...)
}

func TestParseNotes(t *testing.T) {
	notes := note("GNU\x00", 3, []byte("something else"))
	notes = append(notes, note(noteOwner, 3, description(0x1010, 0x500, 0x2000, "app\x00start\x008@%rax\x00"))...)
	notes = append(notes, note(noteOwner, 3, description(0x1020, 0x500, 0, "app\x00stop\x00\x00"))...)
	// The file was moved by 0x100 after the notes were written.
	got, err := parseNotes(notes, binary.LittleEndian, 0x600, func(a uint64) (uint64, bool) { return a - 0x1000, true })
	want := []probe{
		{provider: "app", name: "start", arguments: "8@%rax", address: 0x1110, offset: 0x110, semaphore: 0x1100},
		{provider: "app", name: "stop", address: 0x1120, offset: 0x120},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(probe{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := parseNotes(notes[:len(notes)-8], binary.LittleEndian, 0, func(a uint64) (uint64, bool) { return a, true }); !errors.Is(err, errNotes) {
		t.Errorf("cut off: %v", err)
	}
	if _, err := parseNotes(notes, binary.LittleEndian, 0, func(uint64) (uint64, bool) { return 0, false }); err == nil {
		t.Error("an address outside of the file is no error")
	}
}

func FuzzParseNotes(f *testing.F) {
	f.Add(note(noteOwner, 3, description(0x1010, 0x500, 0x2000, "app\x00start\x008@%rax -4@-12(%rbp)\x00")), uint64(0x600))
	f.Fuzz(func(_ *testing.T, notes []byte, base uint64) {
		probes, err := parseNotes(notes, binary.LittleEndian, base, func(a uint64) (uint64, bool) { return a, a != 0 })
		if err != nil {
			return
		}
		for _, p := range probes {
			_, _ = p.spec()
		}
	})
}

func TestReadProbesOfTarget(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Fatal("clang-19 is not installed: run 'make setup'")
	}
	target := filepath.Join(t.TempDir(), "target")
	if output, err := exec.Command("../target/build.sh", target).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	probes, err := readProbes(target)
	if err != nil || len(probes) != 1 || probes[0].provider != "target" || probes[0].name != "greeted" {
		t.Fatalf("%+v, %v", probes, err)
	}
	if _, err := probes[0].spec(); err != nil {
		t.Error(err)
	}
	offsets, err := offsetsOf(target, matching(target, "target_*"))
	if err != nil || len(offsets) != 2 {
		t.Errorf("offsets %v, %v", offsets, err)
	}
	if output, err := exec.Command(target, "3").Output(); err != nil || string(output) != "hello\nhello\nhello\n" {
		t.Errorf("target says %q, %v", output, err)
	}
}
