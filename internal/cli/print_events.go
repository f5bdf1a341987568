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

// mostBetween is how many rows of other kinds, which say what they are, may
// stand between an event and the names of its columns.
const mostBetween = 20

// event prints a record as a row under its fields' names.
func (p *printer) event(at float64, r run.Record) {
	fields := r.Fields
	if len(fields) == 0 && r.TypeName != "" && len(r.Candidates) == 0 {
		fields = []run.Field{{Name: "value", Text: r.Text}}
	}
	if len(fields) == 0 {
		name := r.TypeName
		if len(r.Candidates) > 0 {
			name = "one of " + strings.Join(r.Candidates, ", ")
		}
		p.row(at, "event", strings.TrimSpace(fmt.Sprintf("%s %s", p.paint(roleFaint, r.Map+" "+name), r.Text)))
		return
	}
	if key := r.Map + "\x00" + r.TypeName; key != p.record || p.between > mostBetween {
		p.eventHead(r, fields)
		p.record, p.between = key, 0
	}
	p.block = ""
	cells := make([]string, len(fields))
	for i, f := range fields {
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
func (p *printer) eventHead(r run.Record, fields []run.Field) {
	p.columns = make([]column, len(fields))
	heads := make([]string, len(fields))
	for i, f := range fields {
		p.columns[i] = column{f.Name, max(utf8.RuneCountInString(f.Name), min(utf8.RuneCountInString(f.Text), widestColumn), 6)}
		heads[i] = pad(strings.ToUpper(f.Name), p.columns[i].width)
	}
	from := ""
	if r.Program != "" {
		from = " by " + r.Program
	}
	fmt.Fprintf(p.w, "\n%s %s\n", p.paint(roleTitle, r.TypeName), p.paint(roleFaint, "in "+r.Map+from))
	fmt.Fprintf(p.w, "%s  %s\n", p.paint(roleFaint, "    TIME"), p.paint(roleFaint, strings.TrimRight(strings.Join(heads, "  "), " ")))
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

// lost prints how much there is no more of, unless it is packets of no concern.
func (p *printer) lost(at float64, b run.Lost) {
	text := fmt.Sprintf("%s had no room in %s", counted(b.Count, "record"), b.Map)
	switch where, packets := strings.CutPrefix(b.Map, "packets on "); {
	case packets && !p.network:
		return
	case packets:
		text = fmt.Sprintf("%s at %s: there were too many to keep all", counted(b.Count, "packet"), where)
	case b.Map == "skep_show":
		text = fmt.Sprintf("%s of SHOW or SUBMIT had no room", counted(b.Count, "value"))
	case b.Map == "trace_pipe":
		text = fmt.Sprintf("%s of bpf_printk had no room", counted(b.Count, "line"))
	}
	p.row(at, p.paint(roleWarn, pad("lost", 6)), text)
}

func counted(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// step prints what went wrong, and what the steps saw that the user named: the
// others are what the events show.
func (p *printer) step(at float64, s run.Step) {
	named := s.Name != "" && s.Name != s.Kind
	name := s.Name
	if !named {
		name = s.Kind
	}
	switch {
	case !s.OK:
		p.row(at, p.paint(roleBad, pad("step", 6)), fmt.Sprintf("%s: %s", printable(name), printable(s.Error)))
	case named && p.steps && !s.Setup:
		p.row(at, "step", fmt.Sprintf("%s: %s", printable(name), saw(s)))
	}
}

// longestSeen of the text that a step saw, in bytes.
const longestSeen = 200

// saw says what a step saw in one line.
func saw(s run.Step) string {
	var parts []string
	if s.Errno != "" {
		parts = append(parts, printable(s.Errno))
	}
	if s.Exit != nil {
		parts = append(parts, fmt.Sprintf("exit %d", *s.Exit))
	}
	if s.Signal != "" {
		parts = append(parts, printable(s.Signal))
	}
	if s.PacketCount > 0 {
		parts = append(parts, fmt.Sprintf("%d packets", s.PacketCount))
	}
	if len(s.Bytes) > 0 {
		parts = append(parts, fmt.Sprintf("%q", s.Bytes[:min(len(s.Bytes), longestSeen)]))
	}
	if len(parts) == 0 {
		return "ok"
	}
	return strings.Join(parts, ", ")
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
	p.block, p.record = "map", ""
	fmt.Fprintf(p.w, "\n%s%s\n", p.paint(roleTitle, "map "+e.Map), p.paint(roleFaint, kind))
	for _, entry := range e.Entries[:min(len(e.Entries), maxEntriesShown)] {
		fmt.Fprintf(p.w, "  %s → %s\n", entry.KeyText, p.paint(roleValue, entry.ValueText))
	}
	if left := len(e.Entries) - maxEntriesShown; left > 0 {
		fmt.Fprintf(p.w, "  and %d more (--json has them)\n", left)
	}
	if e.Zero > 0 {
		fmt.Fprintf(p.w, "  %s\n", p.paint(roleFaint, fmt.Sprintf("and %d that are all zero", e.Zero)))
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

// lastLines of a verifier's log are shown: the reason stands near its end.
const lastLines = 40

// log prints a verifier's or kernel's text with a margin.
func (p *printer) log(l run.Log) {
	title := l.From + " log"
	if l.Program != "" {
		title += " of " + l.Program
	}
	p.block, p.record = title, ""
	fmt.Fprintf(p.w, "\n%s\n", p.paint(roleTitle, title))
	lines := strings.Split(strings.TrimRight(printableLines(l.Text), "\n"), "\n")
	if left := len(lines) - lastLines; l.From == "verifier" && !p.wholeLogs && left > 0 {
		fmt.Fprintf(p.w, "  %s\n", p.paint(roleFaint, fmt.Sprintf("%d lines before these are left out: --log prints all, --json has them", left)))
		lines = lines[left:]
	}
	for _, line := range lines {
		fmt.Fprintf(p.w, "  | %s\n", line)
	}
	if l.Truncated {
		fmt.Fprintf(p.w, "  %s\n", p.paint(roleWarn, "cut here: the log is longer than what is kept"))
	}
}

func (p *printer) stats(s run.Stats) {
	p.heading("statistics")
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
	if e.State == run.Unsupported {
		fmt.Fprintln(p.w, "--kernel all shows which of the kernels here can do it")
	}
}
