package bpffacts

import "sync"

// A Kfunc is a function of the kernel that programs call by name, declared
// extern with __ksym. Kernels are free to change them.
type Kfunc struct {
	Name string    `json:"name"`
	On   []KfuncOn `json:"on"` // oldest kernel first
}

// A KfuncOn is a kfunc as one kernel has it.
type KfuncOn struct {
	Kernel    string `json:"kernel"` // series
	Prototype string `json:"proto"`
	// Flags are the kernel's KF_ names without the prefix: "ACQUIRE".
	Flags []string `json:"flags,omitempty"`
	// Module has it, if not vmlinux does. It has to be loaded.
	Module string `json:"module,omitempty"`
}

// KfuncTable is the content of KfuncsFile, by name.
type KfuncTable struct {
	Kfuncs []Kfunc `json:"kfuncs"`
}

var (
	kfuncTable = table[KfuncTable](KfuncsFile)

	kfuncsByName = sync.OnceValue(func() map[string]int {
		places := make(map[string]int)
		for i, f := range kfuncTable().Kfuncs {
			places[f.Name] = i
		}
		return places
	})
)

// Kfuncs are all that one of our kernels has, by name.
func Kfuncs() []Kfunc { return kfuncTable().Kfuncs }

// FindKfunc looks a kfunc up by name.
func FindKfunc(name string) (*Kfunc, bool) {
	i, ok := kfuncsByName()[name]
	if !ok {
		return nil, false
	}
	return &kfuncTable().Kfuncs[i], true
}

// For gives the kfunc as a kernel of our series has it.
func (f *Kfunc) For(series string) (*KfuncOn, bool) {
	for i := range f.On {
		if f.On[i].Kernel == series {
			return &f.On[i], true
		}
	}
	return nil, false
}

// MayCallKfunc says whether programs of a section may call a kfunc on this
// kernel. Of those in modules it is not known.
func (k *Kernel) MayCallKfunc(f *Kfunc, s Section, target string) Answer {
	on, ok := f.For(k.Series)
	if !ok {
		return No
	}
	hook, ok := k.Hook(s, target)
	if !ok || hook.Missing != "" || on.Module != "" {
		return Unknown
	}
	if k.KfuncSets[hook.Kfuncs].Has(kfuncsByName()[f.Name]) {
		return Yes
	}
	return No
}
