# Two commands do everything: `make run` and `make test`. Both install what the system lacks first.
SHELL := /bin/bash
CORE := --no-default-features --features sim
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help setup run test lint core-test demo bench screens clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Install what the system lacks (Debian, Ubuntu); does nothing when all is there
	@packaging/dev/setup.sh

run: setup ## Start the sandbox acquirer and the terminal; opens a window, or a page on loopback
	@packaging/dev/run.sh

lint: setup ## Format and lints of the core and of everything
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(CORE) --all-targets --locked -- -D warnings
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

core-test: setup ## The fast inner loop: the core, the journal and the sandbox; no screen, no camera
	$(CARGO) test $(CORE) --locked

test: lint core-test ## Everything that must pass before a commit
	$(CARGO) test --workspace --locked
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --locked

demo: setup ## Play the demo sales against the sandbox and keep the screenshots in target/demo
	$(CARGO) build --locked
	target/debug/shouyin-sandbox demo --out target/demo

bench: setup ## Benchmarks with statistics
	$(CARGO) bench --locked

screens: setup ## Draw every page in both languages to target/screens
	SHOUYIN_SCREENS=target/screens $(CARGO) test --locked --test ui -- screens

clean: ## Remove build output and the sandbox's data (var/)
	$(CARGO) clean
	rm -rf var
