package machine_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
)

// Snapshots that were not used for longest go; what is no snapshot, or not
// finished, is left alone.
func TestPrune(t *testing.T) {
	folder := t.TempDir()
	now := time.Now()
	for i, name := range []string{"newest", "new", "old", "oldest", ".unfinished-old-1"} {
		meta := filepath.Join(folder, name, "snapshot.json")
		if err := os.MkdirAll(filepath.Dir(meta), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(meta, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		used := now.Add(-time.Duration(i) * time.Hour)
		if err := os.Chtimes(meta, used, used); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "something else"), 0o755); err != nil {
		t.Fatal(err)
	}
	machine.Prune(folder, 2)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".unfinished-old-1", "new", "newest", "something else"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
}
