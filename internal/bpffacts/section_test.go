package bpffacts

import (
	"errors"
	"slices"
	"testing"
)

func TestFindSection(t *testing.T) {
	for name, want := range map[string]struct {
		pattern, target, programType, attachType string
	}{
		"xdp":                                 {"xdp", "", "XDP", "BPF_XDP"},
		"xdp.frags/devmap":                    {"xdp.frags/devmap", "", "XDP", "BPF_XDP_DEVMAP"},
		"?kprobe/vfs_open":                    {"kprobe+", "vfs_open", "KPROBE", ""},
		"kprobe":                              {"kprobe+", "", "KPROBE", ""},
		"kprobe.multi/vfs_*":                  {"kprobe.multi+", "vfs_*", "KPROBE", "BPF_TRACE_KPROBE_MULTI"},
		"uprobe//bin/bash:readline":           {"uprobe+", "/bin/bash:readline", "KPROBE", ""},
		"tp/sched/sched_switch":               {"tp+", "sched/sched_switch", "TRACEPOINT", ""},
		"tracepoint/syscalls/sys_enter_write": {"tracepoint+", "syscalls/sys_enter_write", "TRACEPOINT", ""},
		"tc":                                  {"tc", "", "SCHED_CLS", ""},
		"tcx/egress":                          {"tcx/egress", "", "SCHED_CLS", "BPF_TCX_EGRESS"},
		"cgroup/connect4":                     {"cgroup/connect4", "", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET4_CONNECT"},
		"lsm.s/file_open":                     {"lsm.s+", "file_open", "LSM", "BPF_LSM_MAC"},
		"struct_ops/ssthresh":                 {"struct_ops+", "ssthresh", "STRUCT_OPS", ""},
		"fentry/do_unlinkat":                  {"fentry+", "do_unlinkat", "TRACING", "BPF_TRACE_FENTRY"},
		"iter/task":                           {"iter+", "task", "TRACING", "BPF_TRACE_ITER"},
		"sk_skb/stream_verdict":               {"sk_skb/stream_verdict", "", "SK_SKB", "BPF_SK_SKB_STREAM_VERDICT"},
	} {
		s, target, err := FindSection(name)
		if err != nil || s.Pattern != want.pattern || target != want.target || s.ProgramType != want.programType || s.AttachType != want.attachType {
			t.Errorf("%s: %+v, target %q, %v; want %+v", name, s, target, err, want)
		}
	}
}

func TestUnknownSection(t *testing.T) {
	for name, want := range map[string]struct{ nearest, sentence string }{
		"xpd":                 {"xdp", `SEC("xpd"): libbpf knows no such section; did you mean "xdp"?`},
		"XDP":                 {"xdp", `SEC("XDP"): libbpf knows no such section; did you mean "xdp"?`},
		"xdp_drop":            {"xdp", `SEC("xdp_drop"): since 1.0 libbpf wants the exact name; write SEC("xdp")`},
		"xdp/eth0":            {"xdp", `SEC("xdp/eth0"): behind "xdp/" there can only be: devmap, cpumap; where to attach is up to the program that loads it; write SEC("xdp")`},
		"xdp.s":               {"xdp", `SEC("xdp.s"): xdp programs cannot sleep; write SEC("xdp")`},
		"socket1":             {"socket", `SEC("socket1"): since 1.0 libbpf wants the exact name; write SEC("socket")`},
		"classifier/2":        {"classifier", `SEC("classifier/2"): nothing may follow "classifier": where to attach is up to the program that loads it; write SEC("classifier")`},
		"tc/eth0":             {"tc", `SEC("tc/eth0"): behind "tc/" there can only be: ingress, egress; where to attach is up to the program that loads it; write SEC("tc")`},
		"tcx/eth0":            {"tcx/ingress", `SEC("tcx/eth0"): libbpf knows no such section; behind "tcx/" there can be: ingress, egress`},
		"tc/ingres":           {"tc/ingress", `SEC("tc/ingres"): libbpf knows no such section; did you mean "tc/ingress"?`},
		"kprobe_vfs_open":     {"kprobe/vfs_open", `SEC("kprobe_vfs_open"): libbpf knows no such section; did you mean "kprobe/vfs_open"? (kprobe/FUNCTION[+OFFSET])`},
		"krpobe/vfs_open":     {"kprobe/vfs_open", `SEC("krpobe/vfs_open"): libbpf knows no such section; did you mean "kprobe/vfs_open"?`},
		"kprobe.s/vfs_open":   {"kprobe/vfs_open", `SEC("kprobe.s/vfs_open"): kprobe programs cannot sleep; write SEC("kprobe/vfs_open")`},
		"tracepoints/a/b":     {"tracepoint/a/b", `SEC("tracepoints/a/b"): libbpf knows no such section; did you mean "tracepoint/a/b"?`},
		"fentry":              {"fentry/", `SEC("fentry"): it does not say what to attach to; it is written fentry/FUNCTION`},
		"lsm/":                {"lsm/", `SEC("lsm/"): it does not say what to attach to; it is written lsm/HOOK`},
		"cgroup/conect4":      {"cgroup/connect4", `SEC("cgroup/conect4"): libbpf knows no such section; did you mean "cgroup/connect4"?`},
		"cgroup_sock/connect": {"", `SEC("cgroup_sock/connect"): libbpf knows no such section; it is the section that says what kind of program this is`},
		"maps":                {"", `SEC("maps"): this section is not for programs; it holds maps of the form that libbpf 1.0 took out; put them into .maps`},
		".maps":               {"", `SEC(".maps"): this section is not for programs; it holds maps, as structs with __uint and __type`},
		"license":             {"", `SEC("license"): this section is not for programs; it holds the licence, a string`},
		"frobnicate":          {"", `SEC("frobnicate"): libbpf knows no such section; it is the section that says what kind of program this is`},
		"":                    {"", `SEC(""): the name is empty; it is the section that says what kind of program this is`},
	} {
		_, _, err := FindSection(name)
		var unknown *UnknownSection
		if !errors.As(err, &unknown) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if unknown.Nearest != want.nearest || unknown.Error() != want.sentence {
			t.Errorf("%s: %q, %q\nwant %q, %q", name, unknown.Nearest, unknown.Error(), want.nearest, want.sentence)
		}
	}
}

// What is suggested is always a name that libbpf knows, or only lacks a target.
func TestSuggestionsAreKnown(t *testing.T) {
	for _, s := range Sections() {
		for _, wrong := range []string{s.Kind() + "x", s.Kind() + "/x/y", "x" + s.Kind(), s.Kind() + "_", s.Kind() + ".s", "é" + s.Kind()} {
			_, _, err := FindSection(wrong)
			var unknown *UnknownSection
			if !errors.As(err, &unknown) || unknown.Nearest == "" || unknown.Nearest[len(unknown.Nearest)-1] == '/' {
				continue
			}
			if _, _, err := FindSection(unknown.Nearest); err != nil && unknown.Nearest != s.Kind()+"/" {
				var again *UnknownSection
				if errors.As(err, &again) && again.Nearest != unknown.Nearest+"/" {
					t.Errorf("for %q it suggests %q, of which it says: %v", wrong, unknown.Nearest, err)
				}
			}
		}
	}
}

func TestSectionTable(t *testing.T) {
	var patterns []string
	for _, s := range Sections() {
		if slices.Contains(patterns, s.Pattern) {
			t.Errorf("%s twice", s.Pattern)
		}
		patterns = append(patterns, s.Pattern)
		if _, ok := FindProgramType(s.ProgramType); !ok {
			t.Errorf("%s: no program type %s", s.Pattern, s.ProgramType)
		}
		if s.Extra() != ExtraNone && s.Form() == s.Kind()+"/" {
			t.Errorf("%s: no form", s.Pattern)
		}
		if s.Libbpf == "" {
			t.Errorf("%s: in no version of libbpf", s.Pattern)
		}
	}
	if len(patterns) < 105 {
		t.Errorf("only %d sections", len(patterns))
	}
	for pattern, want := range map[string]Extra{"xdp": ExtraNone, "kprobe+": ExtraOptional, "fentry+": ExtraRequired} {
		if s := Sections()[slices.Index(patterns, pattern)]; s.Extra() != want {
			t.Errorf("%s: %v", pattern, s.Extra())
		}
	}
}

func TestDataSection(t *testing.T) {
	for name, want := range map[string]bool{
		".maps": true, ".rodata.str1.1": true, ".data.mine": true, ".bss": true, "license": true,
		"xdp": false, ".datax": false, "kprobe/x": false,
	} {
		if holds, ok := DataSection(name); ok != want || ok && holds == "" {
			t.Errorf("%s: %q, %v", name, holds, ok)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"xdp", "xpd", 1}, {"xdp", "xdp", 0}, {"", "tc", 2}, {"kitten", "sitting", 3}, {"XDP", "xdp", 0}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%s, %s: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func FuzzFindSection(f *testing.F) {
	for _, s := range Sections() {
		f.Add(s.Kind() + "/x")
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, _, err := FindSection(name)
		if err == nil && !s.matches(trimMark(name)) {
			t.Errorf("%q is not of %q", name, s.Pattern)
		}
		var unknown *UnknownSection
		if err != nil && (!errors.As(err, &unknown) || unknown.Reason == "") {
			t.Errorf("%q: %v", name, err)
		}
	})
}

func trimMark(name string) string {
	if len(name) > 0 && name[0] == '?' {
		return name[1:]
	}
	return name
}
