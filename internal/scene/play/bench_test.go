package play

import (
	"strings"
	"testing"

	"github.com/skep-dev/skep/internal/scene"
)

// BenchmarkStep is one order, one cheap call, and its answer.
func BenchmarkStep(b *testing.B) {
	s, err := scene.Parse([]byte("steps:\n" + strings.Repeat("  - stat: /\n", 100)))
	if err != nil {
		b.Fatal(err)
	}
	p, _, err := scene.Draw(s, nil)
	if err != nil {
		b.Fatal(err)
	}
	player, err := Start(p, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer player.Close()
	for b.Loop() {
		if err := player.Run(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/100, "µs/step")
}
