package btfc

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/btf"
)

// Options say which types are declared and how. The zero value declares every type
// in the form of a vmlinux.h, without kfuncs.
type Options struct {
	// Types names the roots: types that are declared together with all that they
	// need. A name stands for every type called so, or for those of one kind if it
	// reads "struct NAME", "union NAME", "enum NAME" or "typedef NAME". Empty means
	// every type of the Spec.
	Types []string

	// PointerDepth bounds what is declared because a pointer leads to it: structs
	// and unions that are more than this many pointers away from each root are only
	// declared forward, unless another type contains them. Negative means no bound,
	// and 0 only what the roots contain. Ignored when Types is empty.
	PointerDepth int

	// Enums adds to Types every enum whose tag or first constant begins with one of
	// these prefixes, such as "bpf_", "BPF_" or "IPPROTO_". Many constants belong to
	// enums without a tag and cannot be asked for in another way.
	Enums []string

	// Kfuncs declares the kernel functions that programs may call: functions with
	// the declaration tag "bpf_kfunc", which kernels since 6.10 or so carry if they
	// were built with pahole 1.26 or later. Structs that only these declarations
	// mention are declared forward.
	Kfuncs bool

	// Guard is the macro of the include guard, __VMLINUX_H__ if empty.
	Guard string

	// Bare leaves out the include guard and the attribute that makes accesses
	// relocatable: declarations for a reader, or for inclusion in another header.
	Bare bool

	// Offsets adds comments with the offset and size in bytes of every member, in
	// pahole's form: /* offset size */, with offset:bit for bit-fields. Offsets
	// count from the start of the outermost struct.
	Offsets bool
}

// ErrNotC is wrapped by errors about types that have no form in C, or none of
// reasonable size.
var ErrNotC = errors.New("cannot be written in C")

// Write writes C declarations of types in spec to w. It writes nothing if there is
// an error, other than an error of w.
//
// A root that does not exist gives an [UnknownTypeError], a type that C cannot
// express an error that wraps [ErrNotC].
func Write(w io.Writer, spec *btf.Spec, o Options) error {
	if o.Guard == "" {
		o.Guard = "__VMLINUX_H__"
	}
	if !isIdentifier(o.Guard) {
		return fmt.Errorf("include guard %q: choose a C identifier", o.Guard)
	}
	chosen, err := choose(spec, o)
	if err != nil {
		return err
	}
	p := newPrinter(o.Offsets)
	if err := p.write(chosen, o); err != nil {
		return err
	}
	_, err = w.Write(p.out.Bytes())
	return err
}
