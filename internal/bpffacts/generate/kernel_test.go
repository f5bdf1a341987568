package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/skep-dev/skep/internal/bpffacts"
	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
	"github.com/skep-dev/skep/internal/guest/feature"
	"github.com/skep-dev/skep/internal/kernel"
)

func kernels(t *testing.T) []*kernel.Kernel {
	t.Helper()
	list, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// committed are the facts for an installed kernel, which moves on with Debian.
// exact says whether they are of that very release: only then they have to be
// the same. Of another release, what differs is told.
func committed(k *kernel.Kernel) (facts *bpffacts.Kernel, exact bool) {
	facts, _ = bpffacts.FindKernel(k.Series)
	return facts, facts.Release == k.Release
}

const again = "run: go run ./internal/bpffacts/generate -kernels"

func report(t *testing.T, exact bool, what, diff string) {
	t.Helper()
	switch {
	case diff == "":
	case exact:
		t.Errorf("%s (-table +kernel); %s\n%s", what, again, diff)
	default:
		t.Logf("%s is of another release (-table +kernel); %s\n%s", what, again, diff)
	}
}

func TestContextsAreThoseOfTheKernels(t *testing.T) {
	for _, k := range kernels(t) {
		made, err := fromBTF(k)
		if err != nil {
			t.Fatal(err)
		}
		facts, exact := committed(k)
		report(t, exact, "the contexts of Linux "+k.Series, cmp.Diff(facts.Contexts, made.Contexts))
		report(t, exact, "the iterators of Linux "+k.Series, cmp.Diff(facts.Iterators, made.Iterators))
	}
}

func TestKfuncsAreThoseOfTheKernels(t *testing.T) {
	list := kernels(t)
	made, err := allKfuncs(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		facts, exact := committed(k)
		ours, theirs := make(map[string]bpffacts.KfuncOn), make(map[string]bpffacts.KfuncOn)
		for _, f := range bpffacts.Kfuncs() {
			if on, ok := f.For(facts.Series); ok {
				ours[f.Name] = *on
			}
		}
		for _, f := range made.Kfuncs {
			if on, ok := f.For(k.Series); ok {
				on.Kernel = facts.Series
				theirs[f.Name] = *on
			}
		}
		report(t, exact, "the kfuncs of Linux "+k.Series, cmp.Diff(ours, theirs))
	}
}

// Kernels since 6.10 also tag their kfuncs in BTF (pahole's decl_tag_kfuncs),
// which is another way to the same list.
func TestKfuncsAreTagged(t *testing.T) {
	for _, k := range kernels(t) {
		spec, err := k.BTFSpec()
		if err != nil {
			t.Fatal(err)
		}
		own, _, err := kernelKfuncs(k, spec)
		if err != nil {
			t.Fatal(err)
		}
		tagged, found := make(map[string]bool), make(map[string]bool)
		for typ, err := range spec.All() {
			if err != nil {
				t.Fatal(err)
			}
			if f, ok := typ.(*btf.Func); ok && slices.Contains(f.Tags, "bpf_kfunc") {
				tagged[f.Name] = true
			}
		}
		for _, f := range own {
			found[f.function.Name] = true
		}
		switch {
		case k.Series == "6.1":
			if len(found) < 40 || !found["bpf_lookup_user_key"] || !found["tcp_slow_start"] {
				t.Errorf("Linux 6.1 has kfuncs %v", slices.Sorted(maps.Keys(found)))
			}
		case len(tagged) == 0:
			t.Errorf("Linux %s tags no kfuncs", k.Series)
		default:
			if diff := cmp.Diff(tagged, found); diff != "" {
				t.Errorf("kfuncs of Linux %s (-tagged +in .BTF_ids):\n%s", k.Series, diff)
			}
		}
	}
}

func TestProgramTypesAreThoseOfTheKernels(t *testing.T) {
	list := kernels(t)
	spec, err := list[len(list)-1].BTFSpec()
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := constants(spec)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, p := range bpffacts.ProgramTypes() {
		known["BPF_PROG_TYPE_"+p.Name] = true
		if numbers["BPF_PROG_TYPE_"+p.Name] != uint32(p.ID) {
			t.Errorf("%s is %d, not %d", p.Name, numbers["BPF_PROG_TYPE_"+p.Name], p.ID)
		}
		if f := feature.Program(ebpf.ProgramType(p.ID)); f.Since != p.Since {
			t.Errorf("%s: since %s, internal/guest/feature says %s", p.Name, p.Since, f.Since)
		}
	}
	for name := range numbers {
		if strings.HasPrefix(name, "BPF_PROG_TYPE_") && !known[name] && name != "BPF_PROG_TYPE_UNSPEC" {
			t.Logf("the newest kernel has %s, which the table lacks", name)
		}
	}
}

// TestAsk asks the newest kernel about some kinds of programs, and for its
// tracepoints, in a machine.
func TestAsk(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take time")
	}
	list := kernels(t)
	newest := list[len(list)-1]
	g := &generator{helpers: bpffacts.HelperTable{Helpers: slices.Clone(bpffacts.Helpers())}, kfuncs: bpffacts.KfuncTable{Kfuncs: bpffacts.Kfuncs()}}
	for _, s := range bpffacts.Sections() {
		switch s.Pattern {
		case "xdp", "kprobe+", "lsm+", "cgroup/connect4":
			g.sections = append(g.sections, s)
		}
	}
	made, err := g.ask(t.Context(), newest, newest)
	if err != nil {
		t.Fatal(err)
	}
	facts, exact := committed(newest)
	classes := make(map[string]string)
	for _, e := range bpffacts.Events() {
		if slices.Contains(e.On, facts.Series) {
			classes[e.Name] = e.Class
		}
	}
	theirs := make(map[string]string)
	for _, e := range g.events.Events {
		theirs[e.Name] = e.Class
	}
	report(t, exact, "the tracepoints of Linux "+newest.Series, cmp.Diff(classes, theirs))
	for _, s := range g.sections {
		var ours, theirs []string
		for i := range g.helpers.Helpers {
			h := &g.helpers.Helpers[i]
			ours = append(ours, h.Name+": "+facts.MayCall(h, s, "").String())
			theirs = append(theirs, h.Name+": "+made.MayCall(h, s, "").String())
		}
		report(t, exact, "what "+s.Kind()+" programs of Linux "+newest.Series+" may call", cmp.Diff(ours, theirs))
	}
}

func TestVerdicts(t *testing.T) {
	for log, want := range map[string]verdict{
		"":                                     allowed,
		"R1 type=ctx expected=map_ptr\n":       allowed,
		"R2 !read_ok\nprocessed 1 insns\n":     allowed,
		"unknown func bpf_skb_store_bytes#9\n": forbidden,
		"program of this type cannot use helper bpf_skb_store_bytes#9\n":        forbidden,
		"invalid func unknown#212\n":                                            forbidden,
		"cannot call GPL-restricted function from non-GPL compatible program\n": gplOnly,
		"helper call is not allowed in probe\n":                                 conditional,
		"helper call might sleep in a non-sleepable prog\n":                     forbidden,
		"sleepable helper bpf_copy_from_user#148 in non-sleepable prog\n":       forbidden,
		"func bpf_get_func_ip#173 not supported for program type 9\n":           forbidden,
		"EINVAL": unclear,
		"verification time 8085 usec\nprocessed 1 insns\n": unclear,
	} {
		if got := helperVerdict(log); got != want {
			t.Errorf("%q: %d, want %d", log, got, want)
		}
	}
	for log, want := range map[string]verdict{
		"": allowed,
		"calling kernel function bpf_task_acquire is not allowed\n":        forbidden,
		"program must be sleepable to call sleepable kfunc bpf_x\n":        forbidden,
		"arg#0 pointer type STRUCT sock must point to scalar\n":            allowed,
		"css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable": forbidden,
		"EACCES": unclear,
	} {
		if got := kfuncVerdict(log); got != want {
			t.Errorf("%q: %d, want %d", log, got, want)
		}
	}
}

// Of several targets, what each allows is allowed, and what some do depends.
func TestDigest(t *testing.T) {
	const yes, no, maybe = "R1 type=ctx expected=fp", "unknown func x#1", "helper call is not allowed in probe"
	job := probe.Job{Hooks: []probe.Hook{{Name: "fentry+", AttachBTF: 7}, {Name: "xdp"}}}
	d, err := digest([]probe.Answer{
		{Name: "fentry+", Refused: "f is not sleepable"},
		{Name: "fentry+", Helpers: []string{yes, yes, no, maybe, yes}},
		{Name: "fentry+", Helpers: []string{yes, no, yes, maybe, maybe}, Kfuncs: []string{yes}},
		{Name: "xdp", Helpers: []string{"cannot call GPL-restricted function", no, no, maybe, no}, Kfuncs: []string{"calling kernel function x is not allowed"}},
		{Name: "lirc_mode2", Refused: "EINVAL"},
	}, job)
	if err != nil {
		t.Fatal(err)
	}
	numbers := func(set map[int]bool) bpffacts.Set { return bpffacts.NewSet(slices.Sorted(maps.Keys(set))) }
	fentry, xdp := d.hooks["fentry+"], d.hooks["xdp"]
	if numbers(fentry.helpers) != "1" || numbers(fentry.some) != "2-5" || fentry.refused != "" || !fentry.kfuncs[0] {
		t.Errorf("%+v", fentry)
	}
	if numbers(xdp.helpers) != "1" || len(xdp.some) != 0 || len(xdp.kfuncs) != 0 || !d.gpl[1] {
		t.Errorf("%+v, %v", xdp, d.gpl)
	}
	if got := d.hooks["lirc_mode2"].refused; got != "it was built without such programs (EINVAL)" {
		t.Error(got)
	}
	if _, err := digest([]probe.Answer{{Name: "xdp", Helpers: []string{"E2BIG"}}}, job); err == nil {
		t.Error("an answer without a reason is taken for one")
	}
}
