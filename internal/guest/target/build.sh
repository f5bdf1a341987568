#!/bin/sh
# Builds the program for uprobes: build.sh OUTPUT
set -eu
exec "${CLANG:-clang-19}" -O1 -Wall -Wextra -static -nostdlib -ffreestanding -fno-pie \
	-fno-stack-protector -fomit-frame-pointer -fuse-ld=lld \
	-Wl,--build-id=none -o "$1" "$(dirname "$0")/target.c"
