package btfc

// LibbpfTypes are the types that libbpf's bpf_helpers.h, bpf_tracing.h,
// bpf_core_read.h and bpf_endian.h (1.1 to 1.7) take from a vmlinux.h that is included
// before them. Add them to Options.Types to write a trimmed one.
var LibbpfTypes = []string{
	"__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
	"__be16", "__be32", "__wsum", "u8", "u16", "u32", "u64", "bool", "pt_regs",
}
