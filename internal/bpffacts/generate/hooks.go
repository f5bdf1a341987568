package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skep-dev/skep/internal/bpffacts"
	"github.com/skep-dev/skep/internal/bpffacts/generate/probe"
	"github.com/skep-dev/skep/internal/kernel"
)

// Flags of BPF_PROG_LOAD (include/uapi/linux/bpf.h).
const (
	flagSleepable = 1 << 4
	flagFrags     = 1 << 5
)

// targets are the functions that programs with a target in BTF are tried on.
// Which helpers a program may call can depend on it, so there are several
// where the kernel is known to tell them apart: bpf_lsm_func_proto,
// tracing_prog_func_proto, bpf_iter_get_func_proto, and the lists of
// bpf_d_path_allowed. One that a kernel lacks is left out. Without
// CONFIG_FUNCTION_ERROR_INJECTION, which Debian's kernels lack, there is one
// function that sleepable fentry programs may be for, bpf_fentry_test1, and
// in 6.1 not even that.
var targets = map[string][]string{
	"tp_btf":     {"btf_trace_sched_switch", "btf_trace_tcp_probe"},
	"fentry":     {"vfs_open", "dentry_open", "security_file_open", "tcp_v4_connect"},
	"fexit":      {"vfs_open", "dentry_open", "security_file_open", "tcp_v4_connect"},
	"fsession":   {"vfs_open", "dentry_open", "security_file_open", "tcp_v4_connect"},
	"fmod_ret":   {"security_file_open", "security_socket_connect"},
	"fentry.s":   {"security_file_open", "bpf_fentry_test1"},
	"fexit.s":    {"security_file_open", "bpf_fentry_test1"},
	"fsession.s": {"security_file_open", "bpf_fentry_test1"},
	"fmod_ret.s": {"security_file_open", "bpf_fentry_test1"},
	"lsm": {
		"bpf_lsm_file_open", "bpf_lsm_task_alloc", "bpf_lsm_socket_connect", "bpf_lsm_bprm_committed_creds",
		"bpf_lsm_inode_getxattr", "bpf_lsm_sk_alloc_security",
	},
	"lsm.s": {
		"bpf_lsm_file_open", "bpf_lsm_bprm_committed_creds", "bpf_lsm_socket_connect", "bpf_lsm_inode_getxattr",
		"bpf_lsm_bprm_check_security",
	},
	"lsm_cgroup": {"bpf_lsm_socket_post_create", "bpf_lsm_socket_bind", "bpf_lsm_sk_alloc_security", "bpf_lsm_inet_csk_clone"},
	"iter":       {"bpf_iter_task", "bpf_iter_tcp", "bpf_iter_bpf_map_elem", "bpf_iter_task_file"},
	"iter.s":     {"bpf_iter_task", "bpf_iter_bpf_map"},
}

// operations are members of structs that programs implement.
var operations = map[string][]string{
	"tcp_congestion_ops": {"ssthresh", "init", "cong_avoid"},
	"sched_ext_ops":      {"enqueue", "select_cpu", "init"},
	"bpf_dummy_ops":      {"test_1", "test_sleepable"},
	"hid_bpf_ops":        {"hid_device_event"},
	"Qdisc_ops":          {"init", "reset"},
	"smc_hs_ctrl":        {"syn_option"},
}

// asked is what is known of one kernel before it is asked.
type asked struct {
	kernel  *kernel.Kernel
	spec    *btf.Spec
	numbers map[string]uint32 // constants of enum bpf_prog_type and bpf_attach_type
	own     map[string]uint32 // those that this kernel has
}

// newAsked takes the constants of the newest kernel for all: they never
// change, and what an older kernel does with one that it lacks is its answer.
func newAsked(k, newest *kernel.Kernel) (*asked, error) {
	a := &asked{kernel: k}
	var err error
	if a.spec, err = k.BTFSpec(); err != nil {
		return nil, err
	}
	if a.own, err = constants(a.spec); err != nil {
		return nil, err
	}
	spec, err := newest.BTFSpec()
	if err != nil {
		return nil, err
	}
	a.numbers, err = constants(spec)
	return a, err
}

func constants(spec *btf.Spec) (map[string]uint32, error) {
	numbers := make(map[string]uint32)
	for _, name := range []string{"bpf_prog_type", "bpf_attach_type"} {
		var enum *btf.Enum
		if err := spec.TypeByName(name, &enum); err != nil {
			return nil, err
		}
		for _, v := range enum.Values {
			numbers[v.Name] = uint32(v.Value)
		}
	}
	return numbers, nil
}

// lacks names the constant for a section that this kernel does not have.
func (a *asked) lacks(s bpffacts.Section) string {
	for _, name := range []string{"BPF_PROG_TYPE_" + s.ProgramType, s.AttachType} {
		if _, ok := a.own[name]; !ok && name != "" {
			return name
		}
	}
	return ""
}

// hooks are all ways of loading a program for a section. The name of a hook is
// that of the facts, and several may have the same.
func (a *asked) hooks(s bpffacts.Section) ([]probe.Hook, error) {
	h := probe.Hook{Name: s.Pattern}
	var ok bool
	if h.ProgramType, ok = a.numbers["BPF_PROG_TYPE_"+s.ProgramType]; !ok {
		return nil, fmt.Errorf("no kernel has program type %s", s.ProgramType)
	}
	if s.AttachType != "" {
		if h.AttachType, ok = a.numbers[s.AttachType]; !ok {
			return nil, fmt.Errorf("no kernel has attach type %s", s.AttachType)
		}
	}
	if s.Sleepable {
		h.Flags |= flagSleepable
	}
	if s.Frags {
		h.Flags |= flagFrags
	}
	switch {
	case s.ProgramType == "STRUCT_OPS":
		return a.operationHooks(h)
	case s.ProgramType == "EXT":
		return nil, nil // as the program that it replaces a part of
	case s.AttachBTF:
		return a.targetHooks(h, targets[s.Kind()])
	}
	return []probe.Hook{h}, nil
}

func (a *asked) targetHooks(h probe.Hook, names []string) ([]probe.Hook, error) {
	var list []probe.Hook
	for _, name := range names {
		id, err := a.targetID(name)
		if errors.Is(err, btf.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one := h
		one.AttachBTF = uint32(id)
		list = append(list, one)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("targets for %s: Linux %s has none of them: add one", h.Name, a.kernel.Series)
	}
	return list, nil
}

// targetID finds a function, or the typedef that stands for a tracepoint.
func (a *asked) targetID(name string) (btf.TypeID, error) {
	var t btf.Type
	if strings.HasPrefix(name, "btf_trace_") {
		var typedef *btf.Typedef
		if err := a.spec.TypeByName(name, &typedef); err != nil {
			return 0, err
		}
		t = typedef
	} else {
		var function *btf.Func
		if err := a.spec.TypeByName(name, &function); err != nil {
			return 0, err
		}
		t = function
	}
	return a.spec.TypeID(t)
}

// operationHooks are programs for the members of structs that this kernel has.
func (a *asked) operationHooks(h probe.Hook) ([]probe.Hook, error) {
	var list []probe.Hook
	for name, members := range operations {
		var ops, value *btf.Struct
		if a.spec.TypeByName(name, &ops) != nil || a.spec.TypeByName("bpf_struct_ops_"+name, &value) != nil {
			continue // not in this kernel, or not for programs
		}
		id, err := a.spec.TypeID(ops)
		if err != nil {
			return nil, err
		}
		for _, member := range members {
			i := slices.IndexFunc(ops.Members, func(m btf.Member) bool { return m.Name == member })
			if i < 0 {
				continue
			}
			one := h
			one.Name, one.AttachBTF, one.AttachType = h.Name+name, uint32(id), uint32(i)
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(x, y probe.Hook) int { return strings.Compare(x.Name, y.Name) })
	return list, nil
}
