# Shouyin: `make run` and `make test` do everything, set-up included.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
CARGO ?= cargo
DIR ?= var

.PHONY: help setup build run demo test bench fuzz screens image image-test deb clean

help:
	@echo "make run    the sandbox acquirer and the terminal: a window, or a page on loopback without a display"
	@echo "make demo   scripted sales against the sandbox; fails when an outcome is not the expected one"
	@echo "make test   formatting, lints, all tests, documentation"
	@echo "make bench  speeds beside peers and limits; the table is target/bench/summary.md (docs/BENCH.md)"
	@echo "make fuzz   each fuzz target for a minute (needs cargo-fuzz; docs/TESTING.md)"
	@echo "make screens  draw every state in both languages and orientations into docs/screens"
	@echo "make image  the boot image, target/image/shouyin-VERSION.raw (docs/INSTALL.md)"
	@echo "make image-test  boots the image in a virtual machine and sells; STAGE=full does every drill"
	@echo "make deb    the terminal as a package for an existing Debian (docs/INSTALL.md)"
	@echo "make setup  install what the system lacks (apt; sudo where not root)"

# A C compiler for SQLite and ring; a C++ compiler and cmake for the code reader; clang for the camera's bindings; font and keyboard libraries and one font for the screen (without any font the
# toolkit cannot start); a player of tones where there is a sound device; Python's cryptography and openssl as outside peers of the wire tests, its jsonschema for profiles, its openpyxl for exports, zbar for the codes that we draw.
setup:
	@missing=()
	command -v cc >/dev/null || missing+=(gcc libc6-dev)
	command -v c++ >/dev/null || missing+=(g++)
	command -v cmake >/dev/null || missing+=(cmake)
	command -v clang >/dev/null || missing+=(clang libclang-dev)
	command -v pkg-config >/dev/null || missing+=(pkg-config)
	pkg-config --exists fontconfig 2>/dev/null || missing+=(libfontconfig1-dev)
	pkg-config --exists xkbcommon 2>/dev/null || missing+=(libxkbcommon-dev)
	[ -n "$$(fc-list 2>/dev/null | head -n 1)" ] || missing+=(fontconfig fonts-noto-cjk)
	if [ -n "$${DISPLAY:-}" ]; then
	  for l in libxkbcommon-x11.so.0:libxkbcommon-x11-0 libXcursor.so.1:libxcursor1 libXi.so.6:libxi6; do
	    ldconfig -p | grep -q "$${l%%:*}" || missing+=("$${l##*:}")
	  done
	fi
	if [ -d /dev/snd ]; then command -v aplay >/dev/null || missing+=(alsa-utils); fi
	command -v python3 >/dev/null || missing+=(python3)
	command -v openssl >/dev/null || missing+=(openssl)
	python3 -c 'import cryptography' 2>/dev/null || missing+=(python3-cryptography)
	python3 -c 'import jsonschema' 2>/dev/null || missing+=(python3-jsonschema)
	/usr/bin/python3 -c 'import openpyxl' 2>/dev/null || missing+=(python3-openpyxl)
	command -v zbarimg >/dev/null || missing+=(zbar-tools)
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
	$(CARGO) clippy --locked --all-targets --features dev-reader -- -D warnings
	$(CARGO) clippy --locked --no-default-features --features live -- -D warnings
	$(CARGO) clippy --locked --no-default-features --features ui,live -- -D warnings
	$(CARGO) test --locked --features dev-reader
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	echo "make test: everything passed"

# Every bench runs, also after one that broke a limit; the worst verdict is the result.
bench: setup
	@rm -rf target/bench/parts
	verdict=0
	for bench in core simulator journal records sale reader start scan; do
	  $(CARGO) bench --locked --bench $$bench || verdict=1
	done
	cat target/bench/summary.md
	exit $$verdict

# No sanitizer: what is fuzzed has no unsafe blocks, and without one the stable compiler will do.
fuzz:
	@cd fuzz
	for target in fuzz_targets/*.rs; do
	  target=$$(basename $$target .rs)
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target -- -max_total_time=$${SECONDS_EACH:-60} -timeout=20
	done

screens: setup
	@$(CARGO) run --locked --example screens

# VERSION is a number that rises; PROVISION a folder with configuration and keys.
image: setup
	@packaging/image/build.sh $${VERSION:-1}

# The same terminal and service for a Debian that is there already: target/debian/shouyin_*.deb.
deb: setup
	@pkg-config --exists libinput libudev || {
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo
	  $$sudo apt-get install -y -q libinput-dev libudev-dev
	}
	command -v cargo-deb >/dev/null || $(CARGO) install --locked cargo-deb
	# The line tables, which a panic of ours is read with, are three quarters of the file.
	$(CARGO) deb --locked --strip

# Needs the image of `make image`; says in one line why it does nothing where it cannot run.
image-test:
	@packaging/image/test.sh $${STAGE:-quick}

clean:
	@$(CARGO) clean
	rm -rf var
