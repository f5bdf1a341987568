package cli

import (
	"fmt"
	"strings"

	"github.com/skep-dev/skep/internal/run"
)

// stage prints a stage when it has ended, and then what belongs to it.
func (p *printer) stage(s run.Stage) {
	if s.State != "end" {
		return
	}
	note := ""
	if s.Note != "" {
		note = "  (" + s.Note + ")"
	}
	if p.block != "" {
		fmt.Fprintln(p.w)
	}
	p.record, p.block = "", ""
	fmt.Fprintf(p.w, "%s %9s%s\n", p.paint(roleTitle, pad(s.Name, 8)), milliseconds(s.Seconds), note)
	p.flush()
}

// flush writes the rows that waited for their stage's line.
func (p *printer) flush() {
	fmt.Fprint(p.w, p.pending.String())
	p.pending.Reset()
}

// networkTypes are the types of programs that see packets on a device. Those
// that belong to sockets are not among them.
var networkTypes = map[string]bool{
	"XDP": true, "SchedCLS": true, "SchedACT": true, "CGroupSKB": true,
	"Netfilter": true, "FlowDissector": true,
	"LWTIn": true, "LWTOut": true, "LWTXmit": true, "LWTSeg6Local": true,
}

func (p *printer) program(b run.Program) {
	p.network = p.network || networkTypes[b.ProgramType]
	if !b.Loaded {
		fmt.Fprintf(&p.pending, "  %s %s  %s\n", p.paint(roleBad, "✗"), b.Name, p.paint(roleFaint, b.Section))
		return
	}
	details := []string{fmt.Sprintf("%d instructions", b.Instructions)}
	if b.Verified > 0 {
		details = append(details, fmt.Sprintf("%d verified", b.Verified))
	}
	if b.JITedBytes > 0 {
		details = append(details, fmt.Sprintf("%d bytes JITed", b.JITedBytes))
	}
	fmt.Fprintf(&p.pending, "  %s %s  %s, %s\n", p.paint(roleGood, "✓"), b.Name, b.ProgramType, strings.Join(details, ", "))
}

func (p *printer) attach(b run.Attach) {
	if b.Error != "" {
		fmt.Fprintf(&p.pending, "  %s %s → %s: %s\n", p.paint(roleBad, "✗"), b.Program, b.To, printable(b.Error))
		return
	}
	how := ""
	if b.How != "" {
		how = p.paint(roleFaint, " ("+b.How+")")
	}
	fmt.Fprintf(&p.pending, "  %s → %s%s\n", b.Program, b.To, how)
}

// diagnosed are the diagnostics that were printed: what the compiler says about a
// program is the same for most kernels and is said once.
type diagnosed map[string]bool

// first tells whether d was not printed yet.
func (said diagnosed) first(d run.Diagnostic) bool {
	key := fmt.Sprintf("%s:%d:%d %s", d.File, d.Line, d.Column, d.Message)
	if said[key] {
		return false
	}
	said[key] = true
	return true
}

// diagnostic prints what the compiler says with the line that it is about.
func (p *printer) diagnostic(d run.Diagnostic, indent string) {
	role := map[string]string{"error": roleBad, "warning": roleWarn}[d.Severity]
	if role == "" {
		role = roleFaint
	}
	place := d.File
	if d.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
	}
	fmt.Fprintf(p.w, "%s%s: %s: %s\n", indent, place, p.paint(role, d.Severity), printable(d.Message))
	if d.File == p.source && d.Line >= 1 && d.Line <= len(p.lines) {
		p.excerpt(d, indent)
	}
	for _, note := range d.Notes {
		p.diagnostic(note, indent+"  ")
	}
}

// excerpt prints a source line and marks a range in it.
func (p *printer) excerpt(d run.Diagnostic, indent string) {
	const widest = 200
	line := p.lines[d.Line-1]
	if len(line) > widest {
		return
	}
	start := min(max(d.Column-1, 0), len(line))
	end := start + 1
	if d.EndLine == d.Line && d.EndColumn-1 > start {
		end = min(d.EndColumn-1, len(line))
	}
	margin := strings.Map(func(r rune) rune {
		if r == '\t' {
			return '\t'
		}
		return ' '
	}, line[:start])
	marks := strings.Repeat("^", max(end-start, 1))
	fmt.Fprintf(p.w, "%s%5d | %s\n%s      | %s%s\n", indent, d.Line, printable(line), indent, margin, p.paint(roleBad, marks))
	for _, fix := range d.Fixes {
		fmt.Fprintf(p.w, "%s      | fix: replace columns %d to %d with %q\n", indent, fix.Column, fix.EndColumn, fix.Text)
	}
}
