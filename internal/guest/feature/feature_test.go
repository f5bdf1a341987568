package feature

import (
	"testing"

	"github.com/cilium/ebpf"
)

func TestVersionBefore(t *testing.T) {
	for _, test := range []struct {
		release, since string
		want           bool
	}{
		{"6.1.0-56-cloud-amd64", "6.4", true},
		{"6.12.117+deb13-cloud-amd64", "6.4", false},
		{"6.12.117+deb13-cloud-amd64", "6.12", false},
		{"6.12.117+deb13-cloud-amd64", "6.13", true},
		{"7.2.12+deb13-cloud-amd64", "6.19", false},
		{"5.10", "5.18", true},
		{"6.6-rc1", "6.7", true},
		{"6.1.0", "", false},
		{"", "6.1", false},
	} {
		if got := Parse(test.release).Before(test.since); got != test.want {
			t.Errorf("%q before %q: %v", test.release, test.since, got)
		}
	}
}

func TestLacks(t *testing.T) {
	old, present := Parse("6.1.0-56"), Parse("6.12.1")
	for _, test := range []struct {
		kernel  Version
		feature Feature
		want    string
	}{
		{old, Map(ebpf.Arena), "arena maps: in Linux since 6.9, and this kernel is 6.1.0-56"},
		{old, Feature{"kprobe.multi links", "5.18", "CONFIG_FPROBE"}, "kprobe.multi links: not built into this kernel (6.1.0-56), which lacks CONFIG_FPROBE"},
		{present, Feature{"a thing", "6.4", ""}, "a thing: not built into this kernel (6.12.1), although Linux has it since 6.4"},
		{present, Kfunc("bpf_nobody_knows"), "this kernel (6.12.1) has no kfunc bpf_nobody_knows"},
	} {
		if got := test.kernel.Lacks(test.feature); got != test.want {
			t.Errorf("%q\nwant %q", got, test.want)
		}
	}
}

func TestFamilies(t *testing.T) {
	for name, since := range map[string]string{
		"bpf_cpumask_create": "6.3", "scx_bpf_dsq_insert": "6.12", "bpf_iter_num_new": "6.4",
		"bpf_task_from_pid": "6.2", "bpf_unheard_of": "",
	} {
		if got := Kfunc(name); got.Since != since || got.Name != "kfunc "+name {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Every version is written so that it can be compared.
func TestTable(t *testing.T) {
	tables := []map[string]Feature{sections, structOps, kfuncs, kfuncFamilies}
	for _, table := range tables {
		for name, f := range table {
			if v := Parse(f.Since); v.Major < 3 {
				t.Errorf("%s: since %q", name, f.Since)
			}
		}
	}
	for kind, f := range programTypes {
		if v := Parse(f.Since); v.Major < 3 || f.Name == "" {
			t.Errorf("%s: %+v", kind, f)
		}
	}
}
