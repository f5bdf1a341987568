package typecheck

import (
	"context"
	"os"
	"testing"
)

// BenchmarkCheck checks a program of 60 lines with each header.
func BenchmarkCheck(b *testing.B) {
	source, err := os.ReadFile("../../examples/execsnoop.bpf.c")
	if err != nil {
		b.Fatal(err)
	}
	for _, whole := range []bool{false, true} {
		name := "trimmed"
		if whole {
			name = "whole"
		}
		c := testChecker(b, whole)
		b.Run(name, func(b *testing.B) {
			b.ReportMetric(float64(len(c.frozen)), "frozen_bytes")
			for b.Loop() {
				if _, err := c.Check(context.Background(), source, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
