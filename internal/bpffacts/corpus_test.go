package bpffacts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	sectionWords = regexp.MustCompile(`\b(?:SEC|TELLS)\("([^"]+)"`) // TELLS: a whole program, see probe.h
	callWords    = regexp.MustCompile(`\b(bpf_\w+)\(`)
	programWords = regexp.MustCompile(`SEC\("([^"]+)"\)\s*(?:static )?\w+ (\w+)\(((?:const )?(?:struct \w+|\w+)) \*`)
)

// refused are sections that libbpf refuses, in programs that are there for it:
// skep runs all but the last.
var refused = map[string]bool{"socket1": true, "classifier/legacy": true, "xdp_pass": true, "frobnicate/me": true}

// Whatever a program that runs does is allowed: all examples, and the programs
// that each kind of attachment is tested with.
func TestNoFalseAlarms(t *testing.T) {
	newest, _ := FindKernel("")
	files, sections, calls, contexts := 0, 0, 0, 0
	for _, pattern := range []string{"../../examples/*.bpf.c", "../guest/testdata/*.bpf.c"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no programs in %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files++
			kinds := sectionsOf(t, path, string(text))
			sections += len(kinds)
			if strings.Contains(string(text), "TELLS(") {
				text = append(text, "bpf_ringbuf_reserve(); bpf_ringbuf_submit();"...) // what tell in probe.h calls
			}
			for _, m := range callWords.FindAllStringSubmatch(string(text), -1) {
				if h, ok := FindHelper(m[1]); ok && len(kinds) > 0 {
					calls++
					if !anyMay(newest, h, kinds) {
						t.Errorf("%s: no program of %v may call %s", path, kinds, h.Name)
					}
				}
			}
			for _, m := range programWords.FindAllStringSubmatch(string(text), -1) {
				s, target, err := FindSection(m[1])
				if err != nil {
					continue // told above
				}
				contexts++
				if ok, why := newest.Fits(s, target, m[3]); !ok {
					t.Errorf("%s: %s: %s", path, m[2], why)
				}
			}
		}
	}
	if files < 50 || sections < 60 || calls < 60 || contexts < 30 {
		t.Errorf("only %d files, %d sections, %d calls, %d contexts were looked at", files, sections, calls, contexts)
	}
}

// sectionsOf are the sections of the programs in a source.
func sectionsOf(t *testing.T, path, text string) []string {
	var kinds []string
	for _, m := range sectionWords.FindAllStringSubmatch(text, -1) {
		if _, data := DataSection(m[1]); data || refused[m[1]] {
			continue
		}
		if _, _, err := FindSection(m[1]); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		kinds = append(kinds, m[1])
	}
	return kinds
}

func anyMay(k *Kernel, h *Helper, kinds []string) bool {
	for _, kind := range kinds {
		s, target, err := FindSection(kind)
		if a := k.MayCall(h, s, strings.TrimSpace(target)); err == nil && a != No {
			return true
		}
	}
	return false
}
