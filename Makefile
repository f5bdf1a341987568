# skep: two commands do everything, 'make run' and 'make test'. Both install
# what is missing first and can be repeated safely.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# Where scripts/setup puts a Go toolchain if the system has none new enough.
export PATH := $(CURDIR)/build/go/bin:$(PATH)
# The go command fetches the version that go.mod names, if it is older.
export GOTOOLCHAIN ?= auto
export GOFLAGS ?= -buildvcs=false

PROGRAMS := bin/skep bin/skep-guest bin/skep-bpfcc bin/skep-target bin/checker.wasm

.PHONY: run
run: setup ## install, build, fetch kernels, prepare machines, run the demo
	@echo
	@echo "== The demo: every program that is started in a machine with Linux 7, as an eBPF program sees it"
	bin/skep run examples/execsnoop.bpf.c
	@echo
	@echo "Now try your own: bin/skep run FILE.bpf.c   (bin/skep run --help)"

.PHONY: test
test: setup ## the whole suite
	scripts/test

.PHONY: setup
setup: packages build kernels ## all that run and test need

.PHONY: packages
packages:
	@scripts/packages

.PHONY: build
build: $(PROGRAMS)

.PHONY: FORCE
FORCE:

# The go command knows best what is up to date.
bin/skep: FORCE
	@mkdir -p bin
	go build -trimpath -o $@ ./cmd/skep

bin/skep-guest: FORCE
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X runtime.godebugDefault=asyncpreemptoff=1' -o $@ ./cmd/skep-guest

bin/skep-bpfcc: $(wildcard internal/compile/bpfcc/*)
	@mkdir -p bin
	@echo "building the compile program on clang's libraries (about a minute)"
	internal/compile/bpfcc/build.sh $@

bin/skep-target: $(wildcard internal/guest/target/*)
	@mkdir -p bin
	internal/guest/target/build.sh $@

bin/checker.wasm: $(wildcard checker/*.* checker/patches/*)
	@mkdir -p bin
	checker/build.sh $@

.PHONY: kernels
kernels: build
	bin/skep setup

.PHONY: bench
bench: setup ## benchmarks, side by side with what they are compared to
	scripts/bench

.PHONY: lint
lint: ## go vet, golangci-lint, gofumpt
	scripts/lint

.PHONY: fmt
fmt: ## format the code
	go tool -modfile=tools/go.mod gofumpt -w .

.PHONY: clean
clean: ## remove what was built (kernels and snapshots stay in the cache)
	rm -rf bin build
