package libexec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "skep-here"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "skep-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SKEP_LIBEXEC", dir)
	if got, err := Find("skep-here"); err != nil || got != filepath.Join(dir, "skep-here") {
		t.Errorf("Find: %q, %v", got, err)
	}
	for _, name := range []string{"skep-nowhere", "skep-folder"} {
		if got, err := Find(name); err == nil || !strings.Contains(err.Error(), "make setup") {
			t.Errorf("Find(%s): %q, %v", name, got, err)
		}
	}
}

func TestFindInCheckout(t *testing.T) {
	checkout := t.TempDir()
	for _, path := range []string{"cmd/skep/main.go", "bin/skep-test", "internal/libexec/x"} {
		path = filepath.Join(checkout, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SKEP_LIBEXEC", "")
	t.Chdir(filepath.Join(checkout, "internal", "libexec"))
	if got, err := Find("skep-test"); err != nil || !strings.HasSuffix(got, "/bin/skep-test") {
		t.Errorf("Find: %q, %v", got, err)
	}
	t.Chdir(os.TempDir())
	if got, err := Find("skep-test"); err == nil {
		t.Errorf("Find outside of the checkout: %q", got)
	}
}
