#!/bin/sh
# Builds bpfcc: build.sh OUT. Takes about 40 seconds and 1.5 GB of memory.
# Needs clang-19 lld-19 libclang-19-dev llvm-19-dev libpolly-19-dev libzstd-dev zlib1g-dev.
# LLVM_CONFIG names another llvm-config than llvm-config-19 (the libraries must be version 19).
set -eu

out=${1:?usage: build.sh OUT}
here=$(cd "$(dirname "$0")" && pwd)
config=${LLVM_CONFIG:-llvm-config-19}
bin=$("$config" --bindir)
lib=$("$config" --libdir)

case $("$config" --version) in
19.*) ;;
*)
	echo "build.sh: $config is version $("$config" --version), bpfcc is written for 19" >&2
	exit 1
	;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# Debian's LLVM is built without RTTI and without assertions; what derives from its classes needs
# the same.
for source in bpfcc btfstrings fixed lean waiting; do
	# shellcheck disable=SC2046 # llvm-config's words are meant to be split
	"$bin/clang++" -O1 -std=c++17 -fno-rtti -fno-exceptions -DNDEBUG -Wall \
		$("$config" --cppflags) -c "$here/$source.cpp" -o "$work/$source.o"
done

# btfstrings.cpp takes the place of one function of LLVM's BPF backend.
replaced=_ZN4llvm14BTFStringTable9addStringENS_9StringRefE
"$bin/llvm-nm" --defined-only "$lib/libLLVMBPFCodeGen.a" 2>/dev/null | grep -q " T $replaced\$" || {
	echo "build.sh: LLVM's BPF backend has no $replaced; see btfstrings.cpp" >&2
	exit 1
}
"$bin/llvm-objcopy" --weaken-symbol="$replaced" "$lib/libLLVMBPFCodeGen.a" "$work/libLLVMBPFCodeGen.a"

clang_libs=
for name in CodeGen Frontend Serialization Driver Parse Sema Analysis Edit AST ASTMatchers \
	Lex Basic Support APINotes; do
	clang_libs="$clang_libs -lclang$name"
done

# clangCodeGen refers to every pass that clang can be asked for, so all of `passes` comes in;
# --gc-sections throws out what BPF does not reach. The build id names this very binary: the
# object cache and the precompiled headers are keyed by it.
# shellcheck disable=SC2046,SC2086
"$bin/clang++" -static -fuse-ld=lld-19 -Wl,--gc-sections -Wl,--build-id=sha1 -Wl,-s \
	-Wl,-z,keep-text-section-prefix "$work"/*.o -o "$work/bpfcc" -L"$work" -L"$lib" \
	-Wl,--start-group $clang_libs -Wl,--end-group \
	$("$config" --link-static --libs bpf codegen lto passes option frontendopenmp \
		frontendhlsl frontenddriver frontendoffloading windowsdriver profiledata coverage \
		irreader bitwriter objcarcopts instrumentation linker hipstdpar textapi) \
	-lz -lzstd -lm -lpthread -ldl

mkdir -p "$(dirname "$out")"
# A rename, so that a compile that runs meanwhile keeps the binary it started with.
cp "$work/bpfcc" "$out.new"
mv "$out.new" "$out"
