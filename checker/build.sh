#!/usr/bin/env bash
# Builds the checker: build.sh OUT.wasm [TCC-SOURCE]. Takes about 10 seconds, 6 of them for fetching TCC's source
# (700 KB) the first time. Needs clang-19, lld-19, git, bzip2. The same inputs give the same bytes.
set -eu -o pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm [TCC-SOURCE]}")
here=$(cd "$(dirname "$0")" && pwd)
source=${2:-$here/../build/tcc.orig.tar.bz2}

# The patches are for this very source: 0.9.27+git20200814.62c30a4a, what all suites of Debian have.
sum=d63c113bcdd657f51c8ee197a0b0a24203603313e19a52b5f678d40ab7f5df35
is_right() { [ -e "$source" ] && [ "$(sha256sum <"$source")" = "$sum  -" ]; }
is_right || "$here/fetch.sh" "$source"
is_right || { echo "build.sh: Debian's package tcc is another version than checker/patches are for" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xjf "$source" -C "$work" elf.h stab.def stab.h tcc.h tccgen.c tccpp.c tcctok.h libtcc.h
cd "$work"
# git apply would take a repository around it for what is to be patched.
for patch in "$here"/patches/*.patch; do
  GIT_CEILING_DIRECTORIES=$(dirname "$work") git apply --whitespace=nowarn "$patch"
done
cp "$here"/*.[ch] .
: >config.h

# What clang predefines for BPF, without what only floating point and atomics of the host would need.
predefined() { clang-19 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -dM -E -x c /dev/null; }
{
  predefined | grep -vE 'FLT|DBL|LOCK_FREE|FPCLASS|MEMORY_SCOPE|OPENCL|_FMT|_MAX__|_WIDTH__|__STDC_EMBED'
  predefined | grep -E '__(INT|LONG|LONG_LONG|SCHAR|SHRT|SIZE)_MAX__'
  cat predefined.h
} >predefined.i

# Two thirds of TCC's warnings are about style; what would be an error in C99 is one here.
clang-19 --target=wasm32 -mbulk-memory -std=gnu17 -ffreestanding -fno-builtin -nostdlib -Os -flto \
  -w -Werror=implicit-function-declaration -Werror=return-type -Werror=int-conversion \
  -I. checker.c libc.c -o checker.wasm \
  -Wl,--no-entry -Wl,--export=__stack_pointer -Wl,--gc-sections -Wl,--strip-all \
  -Wl,--stack-first -Wl,-z,stack-size=524288 -Wl,--max-memory=67108864
mkdir -p "$(dirname "$out")"
# A rename, so that what reads the old one meanwhile keeps it.
cp checker.wasm "$out.new"
mv "$out.new" "$out"
