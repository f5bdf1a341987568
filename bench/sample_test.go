package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		name     string
		sample   sample
		q        float64
		expected float64
	}{
		{"one value is every quantile", sample{3}, 0.95, 3},
		{"the middle of three", sample{9, 1, 5}, 0.5, 5},
		{"between the middle two of four", sample{4, 1, 3, 2}, 0.5, 2.5},
		{"smallest", sample{4, 1, 3}, 0, 1},
		{"largest", sample{4, 1, 3}, 1, 4},
		{"interpolated", sample{0, 10}, 0.95, 9.5},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.sample.quantile(test.q); math.Abs(got-test.expected) > 1e-9 {
				t.Errorf("quantile %v of %v is %v, not %v", test.q, test.sample, got, test.expected)
			}
		})
	}
	if !math.IsNaN(sample{}.median()) {
		t.Error("an empty sample has a median")
	}
}

func TestQuantileLeavesOrder(t *testing.T) {
	s := sample{3, 1, 2}
	s.median()
	if s[0] != 3 || s[1] != 1 || s[2] != 2 {
		t.Errorf("the sample was sorted: %v", s)
	}
}

func TestRatio(t *testing.T) {
	ours, other := sample{10, 12, 11}, sample{110, 109, 111}
	if got := ours.ratio(other); got != 10 {
		t.Errorf("ratio is %v, not 10", got)
	}
}

func TestAddIsMilliseconds(t *testing.T) {
	var s sample
	s.add(1500 * time.Microsecond)
	if s[0] != 1.5 {
		t.Errorf("1500 µs became %v", s[0])
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out)
	table.row(row{figure: "event", unit: "ms", ours: sample{10, 20, 30}, other: sample{500, 600, 700}, target: "≥ 30 times"})
	table.row(row{figure: "alone", unit: "MB", ours: sample{1}})
	table.flush()
	for _, expected := range []string{"20 (10–30)", "600 (500–700)", "30.0x", "n", "≥ 30 times", "1.0 (1.0–1.0)"} {
		if !strings.Contains(out.String(), expected) {
			t.Errorf("%q is not in\n%s", expected, out.String())
		}
	}
}
