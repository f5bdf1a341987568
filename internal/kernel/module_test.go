package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// moduleTree writes modules as Debian's packages have them: name → depends=.
func moduleTree(t testing.TB, modules map[string]string, builtIn ...string) string {
	t.Helper()
	dir := t.TempDir()
	kernel := filepath.Join(dir, "kernel", "drivers")
	if err := os.MkdirAll(kernel, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, depends := range modules {
		info := "name=x\x00depends=" + depends + "\x00vermagic=" + testRelease + " SMP \x00"
		content := testELF{sections: []testSection{{".modinfo", []byte(info)}}}.bytes(t)
		switch filepath.Ext(file) {
		case ".xz":
			content = packXZ(t, content)
		case ".zst":
			content = packZstd(t, content)
		case ".gz":
			content = packGzip(t, content)
		}
		writeTestFile(t, filepath.Join(kernel, file), content)
	}
	writeTestFile(t, filepath.Join(dir, "modules.builtin"), []byte(strings.Join(builtIn, "\n")+"\n"))
	return dir
}

func writeTestFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func kernelWithModules(dir string) *Kernel {
	return &Kernel{
		Release: testRelease,
		modules: dir,
		indexed: func() (moduleIndex, error) { return indexModules(dir) },
	}
}

func TestModules(t *testing.T) {
	k := kernelWithModules(moduleTree(t, map[string]string{
		"virtio.ko":          "",
		"virtio_ring.ko.zst": "virtio",
		"virtio-blk.ko.xz":   "virtio_ring,virtio,virtio-built",
		"virtio_net.ko.gz":   "virtio_ring,failover",
		"failover.ko.xz":     "",
		"ring-a.ko.xz":       "ring_b",
		"ring_b.ko.xz":       "ring_a",
	}, "kernel/drivers/virtio/virtio-built.ko"))
	for _, test := range []struct {
		names []string
		want  string // or what the error says
	}{
		{[]string{"virtio_blk"}, "virtio virtio_ring virtio_blk"},
		{[]string{"virtio-blk", "virtio_net", "virtio"}, "virtio virtio_ring virtio_blk failover virtio_net"},
		{[]string{"failover", "nothing", "virtio_built"}, "failover"},
		{nil, ""},
		{[]string{"ring_a"}, "ring_a depends on itself"},
	} {
		modules, err := k.Modules(test.names...)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || test.want == "" {
				t.Errorf("%v: %v", test.names, err)
			}
			continue
		}
		var names []string
		for _, module := range modules {
			names = append(names, module.Name)
			if !strings.HasPrefix(string(module.Data), elfMagic) || !strings.HasSuffix(module.Path, ".ko") ||
				!strings.HasPrefix(module.Path, "kernel/drivers/") {
				t.Errorf("%s at %s is not an ELF object", module.Name, module.Path)
			}
		}
		if strings.Join(names, " ") != test.want {
			t.Errorf("%v: %v", test.names, names)
		}
	}
	for name, want := range map[string]ModuleState{
		"virtio-blk": ModuleLoadable, "virtio_built": ModuleBuiltIn, "nothing": ModuleAbsent, "": ModuleAbsent,
	} {
		if state, err := k.ModuleState(name); state != want || err != nil {
			t.Errorf("%q: %d, %v", name, state, err)
		}
	}
}

func TestModulesOfKernelWithoutAny(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		modules, err := kernelWithModules(dir).Modules("veth")
		if len(modules) != 0 || err != nil {
			t.Errorf("%q: %v, %v", dir, modules, err)
		}
	}
}

func TestModulesRefuses(t *testing.T) {
	dir := moduleTree(t, nil)
	writeTestFile(t, filepath.Join(dir, "kernel", "text.ko"), []byte("not a module"))
	writeTestFile(t, filepath.Join(dir, "kernel", "bare.ko"), testELF{}.bytes(t))
	for _, name := range []string{"text", "bare"} {
		if _, err := kernelWithModules(dir).Modules(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseDepends(t *testing.T) {
	for info, want := range map[string][]string{
		"":                                 nil,
		"depends=":                         nil,
		"depends=a":                        {"a"},
		"license=GPL\x00depends=a,b-c\x00": {"a", "b_c"},
		"depends=,a,,\x00\x00":             {"a"},
		"xdepends=a\x00":                   nil,
	} {
		if got := parseDepends([]byte(info)); !slices.Equal(got, want) {
			t.Errorf("%q: %q", info, got)
		}
	}
}

func FuzzParseDepends(f *testing.F) {
	f.Add([]byte("license=GPL\x00depends=a,b-c\x00"))
	f.Fuzz(func(t *testing.T, info []byte) {
		for _, name := range parseDepends(info) {
			if name == "" || strings.ContainsAny(name, ",\x00-") {
				t.Errorf("%q is no module", name)
			}
		}
	})
}
