package compile

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Severity of a diagnostic.
type Severity string

// The severities that clang knows. Its "fatal error" is an error.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Range is a piece of a file. Lines and columns count from 1, columns in bytes; the end is the
// place after the last byte.
type Range struct {
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndLine   int `json:"end_line"`
	EndColumn int `json:"end_column"`
}

// Fix is a replacement of a range in the diagnostic's file; an insertion if the range is empty.
type Fix struct {
	Range
	Text string `json:"text"`
}

// Diagnostic is one thing that the compiler said.
type Diagnostic struct {
	// File is the name of the source as given, or the name of a header as one includes it
	// ("bpf/bpf_helpers.h").
	File string `json:"file"`
	// Range is the piece that is meant. Line is 0 if the diagnostic is about no line.
	Range
	// Ranges are further pieces that clang underlines, such as the operands of an operator.
	Ranges   []Range  `json:"ranges,omitempty"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	// Option is the warning's option without its -W, if it has one.
	Option string `json:"option,omitempty"`
	Fixes  []Fix  `json:"fixes,omitempty"`
	// Notes belong to this diagnostic: where something was declared or which macro it came from.
	Notes []Diagnostic `json:"notes,omitempty"`
}

// diagnosticFlags make clang print what parseDiagnostics reads: one line per diagnostic, the
// ranges in braces, and fixes on lines of their own. The excerpt of the source cannot be switched
// off without losing the fixes; its lines begin with "  12 | " or "     | ".
var diagnosticFlags = []string{
	"-fcaret-diagnostics-max-lines=1", "-fdiagnostics-print-source-range-info", "-fdiagnostics-parseable-fixits",
	"-fmacro-backtrace-limit=2",
}

var (
	// file:line:column:{range}{range}: severity: message. clang leaves the line out for
	// diagnostics about a whole file and the file for those about an argument.
	diagnosticLine = regexp.MustCompile(`^(?:([^:]*):(?:(\d+):(\d+):)?((?:\{\d+:\d+-\d+:\d+\})*):? )?(fatal error|error|warning|note): (.*)$`)
	rangePattern   = regexp.MustCompile(`\{(\d+):(\d+)-(\d+):(\d+)\}`)
	// fix-it:"file":{range}:"text with C escapes"
	fixLine     = regexp.MustCompile(`^fix-it:"((?:[^"\\]|\\.)*)":\{(\d+):(\d+)-(\d+):(\d+)\}:"((?:[^"\\]|\\.)*)"$`)
	excerptLine = regexp.MustCompile(`^ *\d* \| `)
	// What clang puts before the text of a static assertion. skep.h says what is wrong with an argument by
	// means of these, and the text alone is what it means to say.
	assertionPattern = regexp.MustCompile(`^static assertion failed(?: due to requirement '.*')?: ((?:SHOW|SUBMIT)(?:_STR)?\(.*)$`)
	showPattern      = regexp.MustCompile(`^(?:SHOW|SUBMIT)(?:_STR)?\(`)
	// What clang says, three times, of a SHOW whose argument is of an incomplete type.
	unheardPattern = regexp.MustCompile(`incomplete .*type 'typeof \(.*skep_.*' \(aka ('.*')\)$`)
	optionPattern  = regexp.MustCompile(` \[(?:-Werror,)?-W([^\]]*)\]$`)
)

// parseDiagnostics reads what clang printed with diagnosticFlags about the source in a file of
// that name. Lines that it cannot read ("In file included from", "1 error generated.") are left out.
func parseDiagnostics(text, source []byte, name string) []Diagnostic {
	var list []Diagnostic
	var last *Diagnostic // the one that a fix belongs to
	lines := newLines(source)
	for line := range bytes.Lines(text) {
		text := strings.TrimRight(string(line), "\n")
		if m := fixLine.FindStringSubmatch(text); m != nil && last != nil {
			last.Fixes = append(last.Fixes, Fix{Range: numbers(m[2:6]), Text: unescape(m[6])})
			continue
		}
		if excerptLine.MatchString(text) {
			continue
		}
		m := diagnosticLine.FindStringSubmatch(text)
		if m == nil || strings.HasPrefix(m[6], "(skipping ") { // expansions of macros
			continue
		}
		d := newDiagnostic(m, lines, name)
		if d.Severity == Note && len(list) > 0 {
			parent := &list[len(list)-1]
			parent.Notes = append(parent.Notes, d)
			last = &parent.Notes[len(parent.Notes)-1]
			continue
		}
		list = append(list, d)
		last = &list[len(list)-1]
	}
	return withoutEchoes(list)
}

// withoutEchoes leaves out what clang says because skep.h looks at an argument several times: the same once more,
// and complaints about the type of an argument that has an error itself.
func withoutEchoes(list []Diagnostic) []Diagnostic {
	kept := list[:0]
	for _, d := range list {
		width := 1
		if call, _, ok := strings.Cut(d.Message, "): "); ok && showPattern.MatchString(d.Message) {
			width = len(call) + 1
		}
		echo := slices.ContainsFunc(kept, func(k Diagnostic) bool {
			same := k.Message == d.Message && k.Column == d.Column
			inside := width > 1 && k.Severity == Error && k.Column >= d.Column && k.Column < d.Column+width
			return k.File == d.File && k.Line == d.Line && k.Line > 0 && (same || inside)
		})
		if !echo {
			kept = append(kept, d)
		}
	}
	return kept
}

func newDiagnostic(m []string, lines lines, name string) Diagnostic {
	d := Diagnostic{File: visibleName(m[1], name), Severity: Severity(m[5]), Message: m[6]}
	if d.File == assemblerFile {
		d.File, m[2], m[3] = name, strconv.Itoa(lines.assembly(d.Message)), "1"
	}
	if m[5] == "fatal error" {
		d.Severity = Error
	}
	if o := optionPattern.FindStringSubmatchIndex(d.Message); o != nil {
		d.Option = d.Message[o[2]:o[3]]
		d.Message = d.Message[:o[0]]
	}
	if a := assertionPattern.FindStringSubmatch(d.Message); a != nil {
		d.Message = a[1]
	}
	if a := unheardPattern.FindStringSubmatch(d.Message); a != nil {
		d.Message = "incomplete type " + a[1] + ": what is in it is not known here"
	}
	if m[2] == "" {
		return d
	}
	d.Line, d.Column = number(m[2]), number(m[3])
	d.EndLine, d.EndColumn = d.Line, d.Column+1
	if d.File == name {
		d.EndColumn = d.Column + lines.token(d.Line, d.Column)
	}
	for _, r := range rangePattern.FindAllStringSubmatch(m[4], -1) {
		piece := numbers(r[1:])
		// A range that begins at the caret is the thing itself, longer than its first token.
		if piece.Line == d.Line && piece.Column == d.Column {
			d.EndLine, d.EndColumn = piece.EndLine, piece.EndColumn
			continue
		}
		d.Ranges = append(d.Ranges, piece)
	}
	return d
}

// visibleName turns a path in the jail into the name that the user knows.
func visibleName(path, name string) string {
	if path == "" {
		return name
	}
	for _, folder := range []string{jailWork, jailKernel, jailHeaders, jailUAPI, jailClangHeaders} {
		if rest, ok := strings.CutPrefix(path, folder+"/"); ok {
			return rest
		}
	}
	return path
}

func numbers(digits []string) Range {
	return Range{number(digits[0]), number(digits[1]), number(digits[2]), number(digits[3])}
}

// number reads digits that a pattern matched; what is too large for an int is 0.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// unescape undoes raw_ostream::write_escaped: backslash, tab, newline, quote, and three octal
// digits for the rest.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == 't':
			out.WriteByte('\t')
		case c == 'n':
			out.WriteByte('\n')
		case c >= '0' && c <= '3' && i+2 < len(text):
			value, err := strconv.ParseUint(text[i:i+3], 8, 8)
			if err == nil {
				out.WriteByte(byte(value))
				i += 2
			}
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// lines finds places in a source.
type lines [][]byte

func newLines(source []byte) lines {
	return bytes.SplitAfter(source, []byte("\n"))
}

// assemblerFile is what clang calls assembly outside of functions. It does not say where that was written.
const assemblerFile = "<inline asm>"

var quoted = regexp.MustCompile(`'([^']+)'`)

// assembly guesses which line an error in assembly outside of functions is about: the one with the
// text that the message quotes, else the first with the word asm, else the first.
func (l lines) assembly(message string) int {
	needles := []string{"asm"}
	if m := quoted.FindStringSubmatch(message); m != nil {
		needles = []string{m[1], "asm"}
	}
	for _, needle := range needles {
		for i, line := range l {
			if bytes.Contains(line, []byte(needle)) {
				return i + 1
			}
		}
	}
	return 1
}

// token is the length of the word or number at a place, 1 if there is neither.
func (l lines) token(line, column int) int {
	if line < 1 || line > len(l) || column < 1 || column > len(l[line-1]) {
		return 1
	}
	rest := l[line-1][column-1:]
	n := 0
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	return max(n, 1)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// String gives "file:line:column: message".
func (d Diagnostic) String() string {
	place := d.File
	if d.Line > 0 {
		place += ":" + strconv.Itoa(d.Line) + ":" + strconv.Itoa(d.Column)
	}
	return place + ": " + d.Message
}
