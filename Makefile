# Shouyin: `make run` and `make test` do everything, set-up included.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo
DIR ?= var

.PHONY: help setup build run demo test clean

help:
	@echo "make run    the sandbox acquirer and the terminal on this console"
	@echo "make demo   scripted sales against the sandbox; fails when an outcome is not the expected one"
	@echo "make test   formatting, lints, all tests, documentation"
	@echo "make setup  install what the system lacks (apt; sudo where not root)"

# A C compiler for SQLite and ring, and Python's cryptography as the outside peer of the wire tests.
setup:
	@missing=()
	command -v cc >/dev/null || missing+=(gcc libc6-dev)
	command -v python3 >/dev/null || missing+=(python3)
	command -v openssl >/dev/null || missing+=(openssl)
	python3 -c 'import cryptography' 2>/dev/null || missing+=(python3-cryptography)
	if [ $${#missing[@]} -gt 0 ]; then
	  command -v apt-get >/dev/null || { echo "please install: $${missing[*]}"; exit 1; }
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo
	  $$sudo apt-get update -q && $$sudo apt-get install -y -q "$${missing[@]}"
	fi
	command -v $(CARGO) >/dev/null || { echo "please install Rust: https://rustup.rs"; exit 1; }

build: setup
	@$(CARGO) build --locked

run: build
	@packaging/dev/run.sh $(DIR)

demo: build
	@packaging/dev/demo.sh target/demo

test: setup
	@$(CARGO) fmt --check
	$(CARGO) clippy --locked --no-default-features --features sim --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --features live -- -D warnings
	$(CARGO) test --locked
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	echo "make test: everything passed"

clean:
	@$(CARGO) clean
	rm -rf var
