package qemu

import (
	"math"
	"sync"
	"time"
)

func rdtsc() uint64

// hostTSCKHz measures the rate of the host's time stamp counter, which under
// TCG is the guest's, too. No file tells it to an ordinary user.
var hostTSCKHz = sync.OnceValue(func() int {
	const window = 20 * time.Millisecond
	begin, first := readClocks()
	time.Sleep(window)
	end, last := readClocks()
	return int(float64(last-first) / (float64(end.Sub(begin).Nanoseconds()) / 1e6))
})

// readClocks reads both clocks at the same moment: the best of some tries,
// because on a busy host another process may run between two readings, for
// longer than the window.
func readClocks() (now time.Time, tsc uint64) {
	best := time.Duration(math.MaxInt64)
	for range 20 {
		before := time.Now()
		counter := rdtsc()
		if took := time.Since(before); took < best {
			best, now, tsc = took, before, counter
		}
	}
	return now, tsc
}
