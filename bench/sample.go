package main

import (
	"math"
	"slices"
	"time"
)

// A sample is what was measured of one thing, in the order of measuring.
type sample []float64

// add takes a duration in milliseconds.
func (s *sample) add(d time.Duration) { *s = append(*s, float64(d)/float64(time.Millisecond)) }

func (s sample) median() float64 { return s.quantile(0.5) }
func (s sample) min() float64    { return s.quantile(0) }
func (s sample) max() float64    { return s.quantile(1) }

// quantile interpolates between the two values nearest to q, from 0 to 1. Of
// an empty sample it is not a number.
func (s sample) quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(s)
	slices.Sort(sorted)
	position := q * float64(len(sorted)-1)
	below := int(math.Floor(position))
	above := min(below+1, len(sorted)-1)
	share := position - float64(below)
	return sorted[below]*(1-share) + sorted[above]*share
}

// ratio tells how many times as large the median of other is.
func (s sample) ratio(other sample) float64 { return other.median() / s.median() }
