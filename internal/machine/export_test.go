package machine

import (
	"testing"
	"time"
)

// SetTryDeadline shortens the wait for a new snapshot's clone.
func SetTryDeadline(t *testing.T, d time.Duration) {
	before := tryDeadline
	tryDeadline = d
	t.Cleanup(func() { tryDeadline = before })
}

// Goroutines that play a machine have nothing to settle.
func init() { settleTime = time.Millisecond }

// Prune leaves so many snapshots in a folder.
var Prune = prune
