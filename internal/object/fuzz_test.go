package object

import (
	"testing"
)

// seeds are real objects: one of each kind, and what Strip leaves of them.
func seeds(f *testing.F) {
	for _, name := range []string{"content.bpf.c", "emit_stack.bpf.c", "emit_joined.bpf.c", "kinds.bpf.c"} {
		for _, flags := range [][]string{nil, {"-gdwarf-4"}, {"-gz=zlib"}} {
			data := compile(f, name, flags...)
			f.Add(data)
			stripped, err := Strip(data)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(stripped)
		}
	}
	f.Add([]byte("\x7fELF"))
	f.Add([]byte{})
}

func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Read(data)
		if (o == nil) == (err == nil) {
			t.Fatalf("%v and %v", o, err)
		}
	})
}

// What Strip makes of an object that can be read can be read, too.
func FuzzStrip(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		stripped, err := Strip(data)
		if err != nil {
			return
		}
		if len(stripped) > 2*len(data)+headerSize {
			t.Fatalf("%d bytes became %d", len(data), len(stripped))
		}
		before, err := Read(data)
		if err != nil {
			return
		}
		after, err := Read(stripped)
		if err != nil {
			t.Fatalf("cannot be read after strip: %v", err)
		}
		if len(before.Programs) != len(after.Programs) || len(before.Maps) != len(after.Maps) {
			t.Fatal("programs or maps got lost")
		}
	})
}

func FuzzEventTypes(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Read(data)
		if err != nil {
			return
		}
		for _, site := range o.EmitSites() {
			if site.Exact && site.Type == nil {
				t.Fatalf("exact, yet no type: %+v", site)
			}
			o.EventTypes(site.Map, site.Size)
			o.PerfEventTypes(site.Map, site.Size)
		}
		o.EventTypes("", 24)
		if _, err := o.TypeByName("exec_event"); err != nil && err.Error() == "" {
			t.Fatal("an error that says nothing")
		}
	})
}
