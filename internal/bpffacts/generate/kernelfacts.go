package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/btfvalue"
	"github.com/skep-dev/skep/internal/bpffacts"
	"github.com/skep-dev/skep/internal/kernel"
)

// contexts reads struct bpf_ctx_convert, which kernel/bpf/btf.c makes out of
// include/linux/bpf_types.h: for every program type a member NAME_prog of the
// type that programs see, and one NAME_kern of the kernel's own. Those that
// have no type of their own are void pointers.
func contexts(spec *btf.Spec) (map[string]string, error) {
	var convert *btf.Struct
	if err := spec.TypeByName("bpf_ctx_convert", &convert); err != nil {
		return nil, fmt.Errorf("read the types of contexts: %w", err)
	}
	list := make(map[string]string)
	for _, m := range convert.Members {
		name, ok := strings.CutSuffix(strings.TrimPrefix(m.Name, "BPF_PROG_TYPE_"), "_prog")
		if !ok {
			continue
		}
		if t := btfvalue.TypeName(m.Type); t != "void *" {
			list[name] = t
		}
	}
	return list, nil
}

// iterators are the names of all struct bpf_iter__NAME.
func iterators(spec *btf.Spec) ([]string, error) {
	var names []string
	for t, err := range spec.All() {
		if err != nil {
			return nil, err
		}
		if s, ok := t.(*btf.Struct); ok {
			if name, ok := strings.CutPrefix(s.Name, "bpf_iter__"); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// flags are the kernel's KF_ constants by bit (include/linux/btf.h of 7.3).
// None has changed its meaning; KF_KPTR_GET and KF_TRUSTED_ARGS are gone.
var flags = []string{
	"ACQUIRE", "RELEASE", "RET_NULL", "KPTR_GET", "TRUSTED_ARGS", "SLEEPABLE", "DESTRUCTIVE", "RCU",
	"ITER_NEW", "ITER_NEXT", "ITER_DESTROY", "RCU_PROTECTED", "FASTCALL", "ARENA_RET", "ARENA_ARG1", "ARENA_ARG2",
	"IMPLICIT_ARGS", "SPINLOCK_SAFE", "PERFMON",
}

// A kfuncID is a kfunc in a kernel's or module's BTF.
type kfuncID struct {
	id       btf.TypeID
	function *btf.Func
	flags    uint32
}

// kfuncs finds what programs may call in the section .BTF_ids: sets of BTF ids
// of functions, each with flags (struct btf_id_set8 in include/linux/btf_ids.h).
// A set is its length, its own flags, and pairs in ascending order of ids, but
// nothing says where sets begin. Since 6.9 those of kfuncs have BTF_SET8_KFUNCS
// among their flags; before, whatever looks like a set of functions is one.
func kfuncs(file *elf.File, spec *btf.Spec) ([]kfuncID, error) {
	section := file.Section(".BTF_ids")
	if section == nil {
		return nil, nil
	}
	data, err := section.Data()
	if err != nil {
		return nil, err
	}
	words := make([]uint32, len(data)/4)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, words); err != nil {
		return nil, err
	}
	marked, old := make(map[btf.TypeID]kfuncID), make(map[btf.TypeID]kfuncID)
	for at := 0; at+2 <= len(words); {
		set := setAt(words[at:], spec)
		if set == nil {
			at++
			continue
		}
		into := old
		if words[at+1]&1 != 0 {
			into = marked
		}
		for _, k := range set {
			into[k.id] = k
		}
		at += 2 + 2*len(set)
	}
	if len(marked) == 0 {
		marked = old
	}
	var list []kfuncID
	for _, k := range marked {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b kfuncID) int { return strings.Compare(a.function.Name, b.function.Name) })
	return list, nil
}

// setAt reads a set if there can be one.
func setAt(words []uint32, spec *btf.Spec) []kfuncID {
	const maxSet, setFlags, kfuncFlags = 1024, 3, 1<<24 - 1
	count := int(words[0])
	if count == 0 || count > maxSet || words[1] > setFlags || len(words) < 2+2*count {
		return nil
	}
	var set []kfuncID
	last := uint32(0)
	for i := range count {
		id, flags := words[2+2*i], words[3+2*i]
		t, err := spec.TypeByID(btf.TypeID(id))
		function, ok := t.(*btf.Func)
		if id <= last || err != nil || !ok || flags > kfuncFlags {
			return nil
		}
		set, last = append(set, kfuncID{btf.TypeID(id), function, flags}), id
	}
	return set
}

// describe writes a kfunc as the facts have it.
func (k kfuncID) describe(series, module string) (bpffacts.KfuncOn, error) {
	on := bpffacts.KfuncOn{Kernel: series, Module: module}
	for bit := range 32 {
		switch {
		case k.flags&(1<<bit) == 0:
		case bit >= len(flags):
			on.Flags = append(on.Flags, fmt.Sprintf("BIT_%d", bit))
		default:
			on.Flags = append(on.Flags, flags[bit])
		}
	}
	proto, ok := k.function.Type.(*btf.FuncProto)
	if !ok {
		return on, fmt.Errorf("kfunc %s has no prototype", k.function.Name)
	}
	on.Prototype = prototype(k.function.Name, proto)
	return on, nil
}

// prototype writes a declaration without storage class and semicolon.
func prototype(name string, proto *btf.FuncProto) string {
	var parameters []string
	for _, p := range proto.Params {
		if _, void := p.Type.(*btf.Void); void && p.Name == "" {
			parameters = append(parameters, "...")
			continue
		}
		parameters = append(parameters, declare(btfvalue.TypeName(p.Type), p.Name))
	}
	if len(parameters) == 0 {
		parameters = []string{"void"}
	}
	return declare(btfvalue.TypeName(proto.Return), name) + "(" + strings.Join(parameters, ", ") + ")"
}

// declare puts a name into a type: behind it, or behind the asterisk of a
// pointer to a function.
func declare(typeName, name string) string {
	if before, after, ok := strings.Cut(typeName, "(*)"); ok {
		return before + "(*" + name + ")" + after
	}
	if strings.HasSuffix(typeName, "*") {
		return typeName + name
	}
	return typeName + " " + name
}

// modules that have kfuncs in one of our kernels.
var modules = []string{"nf_conntrack", "nf_nat", "nf_flow_table", "xfrm_interface", "fou", "tcp_bbr", "tcp_dctcp"}

// kernelKfuncs are those of vmlinux, and of modules.
func kernelKfuncs(k *kernel.Kernel, spec *btf.Spec) (own []kfuncID, ofModules map[string][]kfuncID, err error) {
	image, err := elf.Open(k.VMLinux())
	if err != nil {
		return nil, nil, err
	}
	defer image.Close()
	if own, err = kfuncs(image, spec); err != nil {
		return nil, nil, fmt.Errorf("kfuncs of Linux %s: %w", k.Series, err)
	}
	loaded, err := k.Modules(modules...)
	if err != nil {
		return nil, nil, err
	}
	ofModules = make(map[string][]kfuncID)
	for _, m := range loaded {
		if !slices.Contains(modules, m.Name) {
			continue // only depended upon
		}
		list, err := moduleKfuncs(m.Data, spec)
		if err != nil {
			return nil, nil, fmt.Errorf("kfuncs of module %s of Linux %s: %w", m.Name, k.Series, err)
		}
		ofModules[m.Name] = list
	}
	return own, ofModules, nil
}

func moduleKfuncs(data []byte, base *btf.Spec) ([]kfuncID, error) {
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	section := file.Section(".BTF")
	if section == nil || file.Section(".BTF_ids") == nil {
		return nil, nil
	}
	raw, err := section.Data()
	if err != nil {
		return nil, err
	}
	spec, err := btf.LoadSplitSpecFromReader(bytes.NewReader(raw), base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return kfuncs(file, spec)
}
