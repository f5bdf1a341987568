package qemu

import (
	"sync"
	"time"
)

func rdtsc() uint64

// hostTSCKHz measures the rate of the host's time stamp counter, which under
// TCG is the guest's, too. No file tells it to an ordinary user.
var hostTSCKHz = sync.OnceValue(func() int {
	const window = 20 * time.Millisecond
	start, first := time.Now(), rdtsc()
	time.Sleep(window)
	elapsed, last := time.Since(start), rdtsc()
	return int(float64(last-first) / (float64(elapsed.Nanoseconds()) / 1e6))
})
