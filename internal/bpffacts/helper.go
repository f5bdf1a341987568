package bpffacts

import "sync"

// A Helper is a function of the kernel that programs call by number. None has
// come since Linux 6.2: new functions are kfuncs.
type Helper struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Prototype string `json:"proto"`
	// Short is the first sentence of its documentation.
	Short string `json:"short"`
	// GPL says that only programs with a GPL-compatible licence may call it.
	GPL bool `json:"gpl,omitempty"`
	// Since is the oldest of our kernels that lets any program call it: "6.1"
	// means that or older. Empty if none does.
	Since string `json:"since,omitempty"`
}

// A HelperDoc is the documentation of a helper in plain text.
type HelperDoc struct {
	Name    string `json:"name"`
	Text    string `json:"text"`
	Returns string `json:"returns,omitempty"`
}

// HelperTable is the content of HelpersFile.
type HelperTable struct {
	Libbpf  string   `json:"libbpf"`
	Helpers []Helper `json:"helpers"` // by number
}

// DocTable is the content of DocsFile.
type DocTable struct {
	Libbpf  string      `json:"libbpf"`
	License string      `json:"license"` // of the texts, which are libbpf's
	Docs    []HelperDoc `json:"docs"`    // by the helper's number
}

var (
	helperTable = table[HelperTable](HelpersFile)
	docTable    = table[DocTable](DocsFile)

	helpersByName = sync.OnceValue(func() map[string]int {
		places := make(map[string]int)
		for i, h := range helperTable().Helpers {
			places[h.Name] = i
		}
		return places
	})
)

// Helpers are all there are, by number.
func Helpers() []Helper { return helperTable().Helpers }

// FindHelper looks a helper up by name.
func FindHelper(name string) (*Helper, bool) {
	i, ok := helpersByName()[name]
	if !ok {
		return nil, false
	}
	return &helperTable().Helpers[i], true
}

// GPLCompatible says whether the kernel lets programs of a licence, the string
// in their section "license", call helpers that are GPL-only, and kfuncs
// (license_is_gpl_compatible in include/linux/license.h).
func GPLCompatible(license string) bool {
	switch license {
	case "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL":
		return true
	}
	return false
}

// Doc gives the helper's documentation.
func (h *Helper) Doc() HelperDoc { return docTable().Docs[helpersByName()[h.Name]] }

// NearestHelper gives the helper whose name differs least from a name that no
// helper has, or nothing.
func NearestHelper(name string) string {
	names := make([]string, 0, len(Helpers()))
	for _, h := range Helpers() {
		names = append(names, h.Name)
	}
	return closest(name, names, 1+len(name)/6)
}

// Answer says whether a program may call a function.
type Answer int

// Answers. What is not known must not be warned of.
const (
	Unknown   Answer = iota
	No               // never
	Sometimes        // depending on what the program is attached to
	Yes
)

func (a Answer) String() string { return [...]string{"unknown", "no", "sometimes", "yes"}[a] }

// MayCall says whether programs of a section may call a helper on this kernel.
// The target is that of [Kernel.Hook]. A freplace program may call what the
// program may that it becomes part of, so that its answer is unknown.
func (k *Kernel) MayCall(h *Helper, s Section, target string) Answer {
	hook, ok := k.Hook(s, target)
	switch {
	case !ok || hook.Missing != "":
		return Unknown
	case k.HelperSets[hook.Helpers].Has(h.ID):
		return Yes
	case k.HelperSets[hook.Some].Has(h.ID):
		return Sometimes
	}
	return No
}

// Callers are the kinds of sections whose programs may call a helper on this
// kernel, in libbpf's order.
func (k *Kernel) Callers(h *Helper) []string {
	var kinds []string
	for _, s := range Sections() {
		if a := k.MayCall(h, s, ""); a == Yes || a == Sometimes {
			kinds = append(kinds, s.Kind())
		}
	}
	return kinds
}

// HelperSince gives the oldest of our kernels on which programs of a section
// may call a helper, or nothing.
func HelperSince(h *Helper, s Section, target string) string {
	list := Kernels()
	for i := range list {
		if a := list[i].MayCall(h, s, target); a == Yes || a == Sometimes {
			return list[i].Series
		}
	}
	return ""
}
