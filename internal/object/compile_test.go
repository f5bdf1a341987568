package object

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var compiled sync.Map // command to object

// compile makes an object of a source in testdata. flags come after the usual
// ones, so that they can undo them.
func compile(t testing.TB, name string, flags ...string) []byte {
	t.Helper()
	key := name + " " + strings.Join(flags, " ")
	if object, ok := compiled.Load(key); ok {
		return object.([]byte)
	}
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Fatalf("clang-19 is needed to make the objects of this test; make setup installs it: %v", err)
	}
	out := filepath.Join(t.TempDir(), "object.o")
	args := append([]string{"-O2", "-g", "-target", "bpf", "-I", "testdata"}, flags...)
	args = append(args, "-c", filepath.Join("testdata", name), "-o", out)
	if text, err := exec.Command(clang, args...).CombinedOutput(); err != nil {
		t.Fatalf("clang-19 %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	object, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	compiled.Store(key, object)
	return object
}

func read(t testing.TB, name string, flags ...string) *Object {
	t.Helper()
	o, err := Read(compile(t, name, flags...))
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return o
}
