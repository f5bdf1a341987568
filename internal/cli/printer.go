package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/skep-dev/skep/internal/run"
	"github.com/skep-dev/skep/internal/source"
)

// printer writes a run's stream for people, as it happens.
type printer struct {
	w      io.Writer
	source string // its name, to tell its diagnostics
	lines  []string
	colour bool

	wholeLogs bool // print verifier logs from their beginning
	steps     bool // the scene is the user's: print what its named steps saw

	record  string          // map and type of the event rows that stand last
	between int             // rows of other kinds since their heading
	block   string          // heading of the block that stands last
	columns []column        // of those rows
	pending strings.Builder // rows of a stage that has not ended
	maps    map[string]run.Map
	network bool // a program of this run deals with packets
}

func newPrinter(w io.Writer, program source.Program) *printer {
	var lines []string
	if program.Language == source.C {
		lines = strings.Split(string(program.Text), "\n")
	}
	colour := isTerminal(w) && os.Getenv("NO_COLOR") == ""
	return &printer{
		w: safeWriter{w, colour}, source: program.Name, lines: lines,
		colour: colour, maps: make(map[string]run.Map),
	}
}

// Colours by role, as SGR parameters.
const (
	roleTitle = "1"
	roleFaint = "2"
	roleBad   = "31;1"
	roleGood  = "32;1"
	roleWarn  = "33"
	roleValue = "36"
)

func (p *printer) paint(role, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + role + "m" + text + "\x1b[0m"
}

// print writes one event.
func (p *printer) print(e run.Event) {
	switch body := e.Body.(type) {
	case run.Stage:
		p.stage(body)
	case run.Diagnostic:
		p.diagnostic(body, "")
	case run.Program:
		p.program(body)
	case run.Map:
		p.maps[body.Name] = body
	case run.Attach:
		p.attach(body)
	case run.Record:
		p.event(e.At, body)
	case run.Show:
		p.show(e.At, body)
	case run.Trace:
		p.row(e.At, "printk", fmt.Sprintf("%s[%d] %s", printable(body.Process), body.PID, printable(body.Text)))
	case run.Packet:
		p.packet(e.At, body)
	case run.Step:
		p.step(e.At, body)
	case run.Global:
		p.heading("global variables")
		fmt.Fprintf(p.w, "  %s %s  %s\n", body.Name, p.paint(roleFaint, fmt.Sprintf("(%s, %s)", orUnknown(body.TypeName), body.Section)), p.paint(roleValue, body.Text))
	case run.Entries:
		p.entries(body)
	case run.Log:
		p.log(body)
	case run.Lost:
		p.lost(e.At, body)
	case run.Stats:
		p.stats(body)
	case run.End:
		p.end(body)
	}
}

// row is one line of something that happened at a time.
func (p *printer) row(at float64, what, text string) {
	p.block = ""
	p.between++
	fmt.Fprintf(p.w, "%s  %s  %s\n", p.paint(roleFaint, fmt.Sprintf("%8.3f", at)), pad(what, 6), text)
}

// heading begins a block of rows without a time, unless it stands there.
func (p *printer) heading(title string) {
	if p.block != title {
		fmt.Fprintf(p.w, "\n%s\n", p.paint(roleTitle, title))
	}
	p.block, p.record = title, ""
}

func pad(text string, width int) string {
	if n := utf8.RuneCountInString(text); n < width {
		return text + strings.Repeat(" ", width-n)
	}
	return text
}

// milliseconds with as many digits as matter.
func milliseconds(seconds float64) string {
	ms := seconds * 1000
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// microseconds per run, or nanoseconds for short ones.
func perRun(nanoseconds, runs uint64) string {
	each := float64(nanoseconds) / float64(runs)
	if each < 1000 {
		return fmt.Sprintf("%.0f ns", each)
	}
	return fmt.Sprintf("%.1f µs", each/1000)
}
