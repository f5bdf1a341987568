package compile

import "strconv"

// Where things are in the jail. They are the same on every machine: the object's debug information and
// precompiled headers hold them.
const (
	jailWork         = "/work"
	jailKernel       = "/kernel"
	jailHeaders      = "/include"
	jailUAPI         = "/uapi"
	jailClangHeaders = "/clang/include"
	jailCompiler     = "/bin/cc"
	jailLibraries    = "/lib"
)

type action string

const (
	actionObject action = "-emit-obj"
	actionPCH    action = "-emit-pch"
)

// targetArguments are what clang's driver passes to its first pass for
//
//	clang -O2 -g --target=bpf -mcpu=v3 -D__TARGET_ARCH_x86
//
// They are the same for a precompiled header and for the programs that use it, which clang checks.
// All kernels from 5.12 on take instructions of v3; v4 needs 6.6.
var targetArguments = []string{
	"-triple", "bpf", "-target-cpu", "v3", "-D", "__TARGET_ARCH_x86", "-O2",
	"-disable-free", "-clear-ast-before-backend", "-disable-llvm-verifier", "-discard-value-names",
	"-mrelocation-model", "static", "-mframe-pointer=all", "-fmath-errno", "-ffp-contract=on",
	"-fno-rounding-math", "-mconstructor-aliases", "-fgnuc-version=4.2.1", "-fskip-odr-check-in-gmf",
	"-vectorize-loops", "-vectorize-slp", "-faddrsig", "-D__GCC_HAVE_DWARF2_CFI_ASM=1",
	"-debug-info-kind=constructor", "-dwarf-version=5", "-debugger-tuning=gdb",
	// Names in debug information are what the user wrote, not where the jail has them.
	"-fdebug-compilation-dir=" + jailWork,
	"-fdebug-prefix-map=" + jailWork + "=",
	"-fdebug-prefix-map=" + jailKernel + "/=",
	"-fdebug-prefix-map=" + jailHeaders + "/=",
	"-fdebug-prefix-map=" + jailUAPI + "/=",
	"-fdebug-prefix-map=" + jailClangHeaders + "/=",
	// As system headers they give no warnings.
	"-nostdsysteminc", "-nobuiltininc",
	"-internal-isystem", jailKernel, "-internal-isystem", jailHeaders,
	"-internal-isystem", jailClangHeaders, "-internal-isystem", jailUAPI,
}

// warningArguments leave out what is usual in BPF programs: unused functions (callbacks, SEC) and
// members of packed kernel structs.
var warningArguments = []string{
	"-Wall", "-Wno-unused-function", "-Wno-missing-declarations", "-Wno-address-of-packed-member",
	"-Wno-compare-distinct-pointer-types", "-Wno-gnu-variable-sized-type-not-at-end",
}

// argumentsFor gives clang's arguments but for the source. The output goes to standard output.
func argumentsFor(a action, errors int) []string {
	args := []string{"-cc1", string(a), "-o", "-"}
	args = append(args, targetArguments...)
	args = append(args, warningArguments...)
	args = append(args, diagnosticFlags...)
	return append(args, "-ferror-limit", strconv.Itoa(errors))
}
