package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skep-dev/skep/internal/kernel"
)

// bar shows how far a long piece of work is: one line that is redrawn on a
// terminal, a line for each phase elsewhere.
type bar struct {
	w        io.Writer
	title    string
	redraw   bool
	phase    string
	lastDraw time.Time
	drawn    bool
}

const barWidth = 24

func newBar(w io.Writer, title string) *bar {
	return &bar{w: w, title: title, redraw: isTerminal(w)}
}

// phases in words.
var phaseWords = map[kernel.Phase]string{
	kernel.PhaseWait:     "waiting for another skep",
	kernel.PhaseIndex:    "reading Debian's lists",
	kernel.PhaseDownload: "downloading",
	kernel.PhaseUnpack:   "unpacking",
}

func (b *bar) kernelProgress(p kernel.Progress) {
	if p.Phase == kernel.PhaseNote {
		b.end()
		fmt.Fprintf(b.w, "%s: %s\n", b.title, p.Note)
		return
	}
	words := phaseWords[p.Phase]
	if words == "" {
		words = string(p.Phase)
	}
	b.draw(words, p.Done, p.Total, p.Phase == kernel.PhaseDownload || p.Phase == kernel.PhaseUnpack)
}

func (b *bar) draw(phase string, done, total int64, bytes bool) {
	if !b.redraw {
		if phase != b.phase {
			fmt.Fprintf(b.w, "%s: %s\n", b.title, phase)
			b.phase = phase
		}
		return
	}
	if phase == b.phase && done < total && time.Since(b.lastDraw) < 50*time.Millisecond {
		return
	}
	b.phase, b.lastDraw, b.drawn = phase, time.Now(), true
	line := fmt.Sprintf("%s: %s", b.title, phase)
	if total > 0 {
		full := int(min(done, total) * barWidth / total)
		line += " [" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
		if bytes {
			line += fmt.Sprintf(" %d of %d MB", done/1_000_000, total/1_000_000)
		}
	}
	fmt.Fprintf(b.w, "\r\x1b[K%s", line)
}

// end leaves the line.
func (b *bar) end() {
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.drawn = false
	}
}
