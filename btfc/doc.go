// Package btfc turns BTF into C declarations: every type of a kernel, as a
// replacement for a vmlinux.h, or only what some named types need.
//
// # What is promised
//
// The output is meant for clang's BPF target (LP64, little or big endian). There
//
//   - every struct and union has the size, and every member the offset in bits, that
//     the BTF states. Padding that the C rules would not insert becomes unnamed
//     bit-fields, or a char array called __gap_N where more than 64 bytes are
//     skipped; a type that the rules would spread too far becomes packed;
//   - every enum has its size and its values;
//   - types come after what they need, with forward declarations for the rest;
//   - the same Spec and Options give the same bytes.
//
// BTF knows no alignment. A type's alignment is therefore the one that follows
// from its members, which may be smaller than in the kernel's source.
//
// Several types of one name, which C forbids and BTF allows, are told apart in the
// way of bpftool: the second struct foo is called struct foo___2. CO-RE ignores
// everything from ___ on, so that relocations still find the type. Types called
// like a C keyword get such a suffix as well; members so called get a trailing
// underscore.
//
// Type tags (__user, __percpu, __rcu) are left out, address spaces are kept.
//
// # Untrusted BTF
//
// A Spec may come from anywhere. What C cannot say (types that contain themselves,
// overlapping members, names that are no identifiers) and what no compiler emits
// (absurd nesting, output past 32 MiB) gives an error and no output. Parsing is
// done by [btf.LoadSpec], which recurses along chains of references: bound the size
// of the input before it gets there.
//
// Sources: Documentation/bpf/btf.rst in Linux for the format, the System V ABI's
// section on bit-fields and clang's lib/AST/RecordLayoutBuilder.cpp for layout.
package btfc
