package compile

import (
	"bytes"
	"strings"
)

// scan is what can be seen in a source without compiling it. It decides which header a
// program needs; a wrong answer costs time, not correctness (see Compiler.attempts).
type scan struct {
	// vmlinux: the source includes vmlinux.h.
	vmlinux bool
	// textual: the header has to be read in its place and cannot come precompiled: it is included
	// under a condition or its macros are set.
	textual bool
	// helpers: bpf_helpers.h is included, under no condition and before any macro is defined.
	helpers bool
	// shows: a macro of skep.h is used.
	shows bool
	// names are the identifiers of the source in order of appearance, each once; those after struct,
	// union and enum as "struct name". Types that the source defines itself are not in it.
	names []string
}

// headerMacros change what vmlinux.h declares.
var headerMacros = map[string]bool{"BPF_NO_PRESERVE_ACCESS_INDEX": true, "BPF_NO_KFUNC_PROTOTYPES": true}

// showMacros are those of skep.h.
var showMacros = map[string]bool{"SHOW": true, "SHOW_STR": true, "SUBMIT": true, "SUBMIT_STR": true}

var tagKeywords = map[string]bool{"struct": true, "union": true, "enum": true}

// scanSource reads C by words: comments and literals are skipped, directives are looked at.
func scanSource(source []byte) scan {
	var s scan
	depth, defines := 0, 0 // of #if; of #define
	for line := range bytes.Lines(source) {
		directive, rest := directiveOf(line)
		switch directive {
		case "if", "ifdef", "ifndef":
			depth++
		case "endif":
			depth--
		case "define", "undef":
			defines++
		case "include":
			switch includedName(rest) {
			case "vmlinux.h":
				s.vmlinux = true
				s.textual = s.textual || depth > 0
			case "bpf/bpf_helpers.h":
				s.helpers = s.helpers || depth == 0 && defines == 0
			}
		}
	}
	used, defined := words(source)
	for _, name := range used {
		s.textual = s.textual || headerMacros[name]
		s.shows = s.shows || showMacros[name]
		// A name without an underscore (MAX, day) is the program's own far more often than the
		// kernel's; if it is not, the compile is repeated.
		if !defined[name] && strings.ContainsAny(name, " _") {
			s.names = append(s.names, name)
		}
	}
	return s
}

// directiveOf splits a line "  # include <x>" into "include" and " <x>".
func directiveOf(line []byte) (string, []byte) {
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 || line[0] != '#' {
		return "", nil
	}
	line = bytes.TrimLeft(line[1:], " \t")
	word := firstWord(line)
	return word, line[len(word):]
}

func firstWord(text []byte) string {
	text = bytes.TrimLeft(text, " \t")
	n := 0
	for n < len(text) && isWord(text[n]) {
		n++
	}
	return string(text[:n])
}

func includedName(rest []byte) string {
	rest = bytes.TrimSpace(rest)
	if len(rest) < 2 || rest[0] != '"' && rest[0] != '<' {
		return ""
	}
	end := bytes.IndexAny(rest[1:], "\">")
	if end < 0 {
		return ""
	}
	return string(rest[1 : 1+end])
}

// words gives the identifiers of C text, each once, and which struct, union and enum tags and
// macros are defined in it.
func words(text []byte) (used []string, defined map[string]bool) {
	seen := map[string]bool{}
	defined = map[string]bool{}
	for line := range bytes.Lines(text) {
		if directive, rest := directiveOf(line); directive == "define" {
			defined[firstWord(rest)] = true
		}
	}
	keyword := "" // struct, union or enum if it was the word before
	for i := 0; i < len(text); {
		if n := skip(text[i:]); n > 0 {
			i += n
			continue
		}
		n := 0
		for i+n < len(text) && isWord(text[i+n]) {
			n++
		}
		if n == 0 {
			keyword = ""
			i++
			continue
		}
		word := string(text[i : i+n])
		i += n
		if text[i-n] >= '0' && text[i-n] <= '9' {
			continue
		}
		if tagKeywords[word] {
			keyword = word
			continue
		}
		if keyword != "" {
			word = keyword + " " + word
			keyword = ""
			if bytes.HasPrefix(bytes.TrimLeft(text[i:min(i+64, len(text))], " \t\r\n"), []byte("{")) {
				defined[word] = true
			}
		}
		if !seen[word] {
			seen[word] = true
			used = append(used, word)
		}
	}
	return used, defined
}

// skip gives the length of the space, comment or literal that the text begins with.
func skip(text []byte) int {
	switch c := text[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return 1
	case bytes.HasPrefix(text, []byte("//")):
		return until(text, "\n")
	case bytes.HasPrefix(text, []byte("/*")):
		return 2 + until(text[2:], "*/")
	case c == '"' || c == '\'':
		for i := 1; i < len(text) && text[i] != '\n'; i++ {
			switch text[i] {
			case '\\':
				i++
			case c:
				return i + 1
			}
		}
		return 1
	}
	return 0
}

// until gives the length up to and with the end, or of all of the text.
func until(text []byte, end string) int {
	if i := bytes.Index(text, []byte(end)); i >= 0 {
		return i + len(end)
	}
	return len(text)
}

// nameList is a set of names as sorted lines, searched where it lies: a command that compiles
// one program would spend more on making a map of it.
type nameList []byte

func (l nameList) has(name string) bool {
	low, high := 0, len(l)
	for low < high {
		middle := (low + high) / 2
		start := bytes.LastIndexByte(l[:middle], '\n') + 1
		end := start + until(l[start:], "\n")
		switch strings.Compare(strings.TrimSuffix(string(l[start:end]), "\n"), name) {
		case 0:
			return true
		case -1:
			low = end
		default:
			high = start
		}
	}
	return false
}
