package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/skep-dev/skep/internal/run"
)

// column is one field of the events that stand in a table.
type column struct {
	name  string
	width int
}

// widestColumn keeps one long string from pushing the rest off the screen.
const widestColumn = 40

// event prints a record as a row under its fields' names.
func (p *printer) event(at float64, r run.Record) {
	if len(r.Fields) == 0 {
		p.record = ""
		name := r.TypeName
		if len(r.Candidates) > 0 {
			name = "one of " + strings.Join(r.Candidates, ", ")
		}
		p.row(at, "event", strings.TrimSpace(fmt.Sprintf("%s %s", p.paint(roleFaint, r.Map+" "+name), r.Text)))
		return
	}
	if key := r.Map + "\x00" + r.TypeName; key != p.record {
		p.eventHead(r)
		p.record = key
	}
	cells := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		width := len(f.Text)
		if i < len(p.columns) {
			// a wider value widens its column from here on
			p.columns[i].width = max(p.columns[i].width, min(utf8.RuneCountInString(f.Text), widestColumn))
			width = p.columns[i].width
		}
		cells[i] = pad(f.Text, width)
	}
	fmt.Fprintf(p.w, "%s  %s\n", p.paint(roleFaint, fmt.Sprintf("%8.3f", at)), strings.TrimRight(strings.Join(cells, "  "), " "))
}

// eventHead begins a table.
func (p *printer) eventHead(r run.Record) {
	p.columns = make([]column, len(r.Fields))
	heads := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		p.columns[i] = column{f.Name, max(utf8.RuneCountInString(f.Name), min(utf8.RuneCountInString(f.Text), widestColumn), 6)}
		heads[i] = pad(strings.ToUpper(f.Name), p.columns[i].width)
	}
	from := ""
	if r.Program != "" {
		from = " by " + r.Program
	}
	fmt.Fprintf(p.w, "\n%s %s\n", p.paint(roleTitle, r.TypeName), p.paint(roleFaint, "in "+r.Map+from))
	fmt.Fprintf(p.w, "%s  %s\n", p.paint(roleFaint, pad("    TIME", 8)), p.paint(roleFaint, strings.TrimRight(strings.Join(heads, "  "), " ")))
}

func (p *printer) show(at float64, s run.Show) {
	what := "show"
	if s.Submitted {
		what = "submit"
	}
	text := s.Text
	if s.Error != "" {
		text = p.paint(roleBad, printable(s.Error))
	}
	p.row(at, what, fmt.Sprintf("%s %s = %s", p.paint(roleFaint, fmt.Sprintf("line %d", s.Line)), printable(s.Expression), p.paint(roleValue, text)))
}

// packet prints what crossed the veth pair if the program is about packets.
// Of the two looks at each packet, at either end, the one on arrival is shown.
func (p *printer) packet(at float64, b run.Packet) {
	if p.network && b.Direction == "in" {
		p.row(at, "packet", fmt.Sprintf("arrives at %s: %s", b.Where, printable(b.Summary)))
	}
}

// step prints only the steps that went wrong: the others are what the events
// show.
func (p *printer) step(at float64, s run.Step) {
	if s.OK {
		return
	}
	name := s.Name
	if name == "" {
		name = s.Kind
	}
	p.row(at, p.paint(roleBad, "step"), fmt.Sprintf("%s: %s", printable(name), printable(s.Error)))
}

// maxEntriesShown of a map on a terminal; --json has them all.
const maxEntriesShown = 32

func (p *printer) entries(e run.Entries) {
	if len(e.Entries) == 0 {
		return
	}
	kind := ""
	if m, ok := p.maps[e.Map]; ok {
		kind = fmt.Sprintf(" (%s, %s → %s)", m.MapType, orUnknown(m.KeyType), orUnknown(m.ValueType))
	}
	fmt.Fprintf(p.w, "\n%s%s\n", p.paint(roleTitle, "map "+e.Map), p.paint(roleFaint, kind))
	for _, entry := range e.Entries[:min(len(e.Entries), maxEntriesShown)] {
		fmt.Fprintf(p.w, "  %s → %s\n", entry.KeyText, p.paint(roleValue, entry.ValueText))
	}
	if left := len(e.Entries) - maxEntriesShown; left > 0 {
		fmt.Fprintf(p.w, "  and %d more (--json has them)\n", left)
	}
	if e.Truncated {
		fmt.Fprintf(p.w, "  %s\n", p.paint(roleWarn, "the map has more entries than are sent"))
	}
}

func orUnknown(name string) string {
	if name == "" {
		return "bytes"
	}
	return name
}

// log prints a verifier's or kernel's text with a margin.
func (p *printer) log(l run.Log) {
	title := l.From + " log"
	if l.Program != "" {
		title += " of " + l.Program
	}
	fmt.Fprintf(p.w, "\n%s\n", p.paint(roleTitle, title))
	for line := range strings.Lines(strings.TrimRight(printableLines(l.Text), "\n")) {
		fmt.Fprintf(p.w, "  | %s", line)
	}
	fmt.Fprintln(p.w)
	if l.Truncated {
		fmt.Fprintf(p.w, "  %s\n", p.paint(roleWarn, "cut here: the log is longer than what is kept"))
	}
}

func (p *printer) stats(s run.Stats) {
	if s.Runs == 0 {
		fmt.Fprintf(p.w, "  %s never ran\n", s.Program)
		return
	}
	times := "times"
	if s.Runs == 1 {
		times = "time"
	}
	fmt.Fprintf(p.w, "  %s ran %d %s, %s each\n", s.Program, s.Runs, times, perRun(s.Nanoseconds, s.Runs))
}

func (p *printer) end(e run.End) {
	p.flush()
	role := roleBad
	if e.State == run.Done {
		role = roleGood
	}
	text := ""
	if e.Message != "" {
		text = ": " + printable(e.Message)
	}
	fmt.Fprintf(p.w, "\n%s%s %s\n", p.paint(role, string(e.State)), text,
		p.paint(roleFaint, fmt.Sprintf("(Linux %s, %.2f s)", e.Kernel, e.Seconds)))
	if e.Feature != "" && e.Since != "" {
		fmt.Fprintf(p.w, "%s is there since Linux %s: choose a newer one with --kernel\n", printable(e.Feature), e.Since)
	}
}
